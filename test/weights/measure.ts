/**
 * Measures the weights of the salvage: damaged files are repaired with a third and with three times of each.
 *
 *     npm run weights -- [--seed N] [--runs N] [--only REGEX] [--rows REGEX] [--write]
 *
 * `--only` selects weights, `--rows` kinds of damage.
 *
 * Prints, for each weight and factor, how many records more or fewer are right and wrong, and of how many files the result
 * changes. A weight that changes nothing is tried with more seeds. With `--write` the table goes into docs/weights.md, and into witnesses.json one file for each weight by which the
 * test sees a change of it.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { format } from 'prettier';
import { fixture } from '../tools/fixtures.js';
import type { Outcome, Trial, Weight } from './trials.js';
import { allWeights, listings, nameOf, repairs, valueOf, withWeight } from './trials.js';

const { values: options } = parseArgs({
  options: {
    seed: { type: 'string', default: '5001' },
    runs: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    rows: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
  },
});
const FACTORS = [1 / 3, 3];

/** Maximum number of further seeds for a weight that changes nothing. */
const MORE = 6;

/** Trial with what it gives by the usual weights. */
interface Measured {
  readonly trial: Trial;
  readonly usual: Outcome;
}

/** The trials of one seed, which are measured once. */
const known = new Map<string, Measured[]>();
async function trialsOf(seed: number, isOld: boolean): Promise<Measured[]> {
  const name = `${seed} ${isOld}`;
  const trials = known.get(name) ?? [];
  if (trials.length === 0) {
    for (const trial of isOld ? listings(seed) : repairs(seed))
      trials.push({ trial, usual: await trial.run() });
  }
  known.set(name, trials);
  return trials;
}

const signed = (n: number) => (n > 0 ? `+${n}` : String(n));
const witnesses: Record<string, { trial: string; seed: number; factor: number }> = {};
const lines: string[] = [];
const only = new RegExp(options.only);
for (const weight of allWeights()) {
  if (only.test(nameOf(weight))) lines.push(await lineOf(weight));
}

async function lineOf(weight: Weight): Promise<string> {
  const runs = Number(options.runs);
  const sums = FACTORS.map(() => ({ right: 0, wrong: 0, changed: 0 }));
  for (let run = 0; run < runs || (run < runs + MORE && !(nameOf(weight) in witnesses)); run++) {
    const seed = Number(options.seed) + run;
    for (const [f, factor] of FACTORS.entries()) await addTrials(weight, factor, seed, sums[f]);
  }
  const cells = sums.map(({ right, wrong, changed }) => `${signed(right)} / ${signed(wrong)} (${changed})`);
  const line = `| ${[nameOf(weight), String(valueOf(weight)), ...cells].join(' | ')} |`;
  process.stdout.write(`${line}\n`);
  return line;
}

async function addTrials(
  weight: Weight,
  factor: number,
  seed: number,
  sum: { right: number; wrong: number; changed: number },
): Promise<void> {
  for (const { trial, usual } of await trialsOf(seed, weight.part === 'old')) {
    const now = await withWeight(weight, valueOf(weight) * factor, trial.run);
    if (now.digest === usual.digest) continue;
    witnesses[nameOf(weight)] ??= { trial: trial.name, seed, factor };
    sum.right += now.right - usual.right;
    sum.wrong += now.wrong - usual.wrong;
    sum.changed++;
  }
}

if (options.write) {
  await writeTable(fixture('../docs/weights.md'));
  await writeWitnesses(fixture('../test/weights/witnesses.json'));
}

/** Replaces the lines of the weights that were measured. */
async function writeTable(path: string): Promise<void> {
  const text = await readFile(path, 'utf8');
  const mark = '<!-- weights -->';
  const [intro, before] = [text.slice(0, text.indexOf(mark)), text.slice(text.indexOf(mark))];
  const lineFor = (weight: Weight) => {
    const isLine = (line: string) => line.split('|')[1]?.trim() === nameOf(weight);
    return lines.find(isLine) ?? before.split('\n').find(isLine);
  };
  const head = ['| weight | value | a third | three times |', '| --- | --- | --- | --- |'];
  const table = [...head, ...allWeights().flatMap((weight) => lineFor(weight) ?? [])];
  await writeFile(path, await format(`${intro}${mark}\n\n${table.join('\n')}\n`, { parser: 'markdown' }));
}

/** Adds the files that were found for weights. */
async function writeWitnesses(path: string): Promise<void> {
  const before = await readFile(path, 'utf8').then(
    (text) => JSON.parse(text) as typeof witnesses,
    () => ({}),
  );
  await writeFile(path, await format(JSON.stringify({ ...before, ...witnesses }), { parser: 'json' }));
}
