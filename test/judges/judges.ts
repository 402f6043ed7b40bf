/**
 * Records what the commands of a checkout give for many files, and compares two recordings.
 *
 *     npm run judges -- record CHECKOUT FILE    records a checkout, which is built
 *     npm run judges -- compare A B             compares two recordings, or checkouts; exit 1 where they differ
 *     npm run judges -- input NAME FILE         writes an input to a file, to run both checkouts on it by hand
 *
 *     --trials N    damaged databases beside the fixtures and cases (2000)
 *     --also DIR    further files of the name *.db; may be repeated
 */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { inputs } from './inputs.js';
import type { Outcome, Recorded } from './record.js';
import { Recorder } from './record.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    trials: { type: 'string', default: '2000' },
    also: { type: 'string', multiple: true, default: [] },
    help: { type: 'boolean', default: false },
  },
});

function allInputs() {
  return inputs(values.also, Number(values.trials));
}

/** Differing inputs of one command that are listed; the rest are counted. */
const SHOWN = 20;

async function record(checkout: string): Promise<Map<string, Recorded>> {
  const recorder = await Recorder.of(checkout);
  const all = new Map<string, Recorded>();
  try {
    for await (const input of allInputs()) all.set(input.name, await recorder.record(input));
  } finally {
    await recorder.end();
  }
  return all;
}

/** A recording from its file, or made now where the path is a checkout. */
async function recordingOf(path: string): Promise<Map<string, Recorded>> {
  if ((await stat(path)).isDirectory()) return record(path);
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
  return new Map(lines.map((line) => JSON.parse(line) as Recorded).map((one) => [one.input, one]));
}

/** Facts of two outcomes that differ, in words. */
function differences(a: Outcome, b: Outcome): string {
  const told: string[] = a.exit === b.exit ? [] : [`exit ${a.exit} -> ${b.exit}`];
  for (const name of new Set([...Object.keys(a.facts), ...Object.keys(b.facts)])) {
    const [before, after] = [a.facts[name] ?? 'none', b.facts[name] ?? 'none'];
    if (before !== after) told.push(`${name} ${before} -> ${after}`);
  }
  return told.length === 0 ? 'other output' : told.join(', ');
}

function compare(a: ReadonlyMap<string, Recorded>, b: ReadonlyMap<string, Recorded>): string[] {
  const changed = new Map<string, string[]>();
  const sums = new Map<string, [number, number]>();
  let compared = 0;
  for (const [name, { commands }] of a) {
    const other = b.get(name);
    if (other === undefined) continue;
    compared++;
    for (const [command, before] of Object.entries(commands)) {
      const after = other.commands[command];
      if (command === 'repair') {
        for (const fact of ['survivors', 'recalled', 'survivors lost', 'wrong', 'invented']) {
          const sum = sums.get(fact) ?? [0, 0];
          sums.set(fact, [sum[0] + Number(before.facts[fact] ?? 0), sum[1] + Number(after.facts[fact] ?? 0)]);
        }
      }
      if (isDeepStrictEqual(before, after)) continue;
      changed.set(command, [...(changed.get(command) ?? []), `  ${name}: ${differences(before, after)}`]);
    }
  }
  const lines: string[] = [`${compared} inputs compared, ${a.size + b.size - 2 * compared} only in one`];
  for (const [command, told] of changed) {
    lines.push(`${command}: ${told.length} differ`, ...told.slice(0, SHOWN));
    if (told.length > SHOWN) lines.push(`  and ${told.length - SHOWN} more`);
  }
  lines.push(
    `repairs of torture trials: ${[...sums].map(([fact, [x, y]]) => `${fact} ${x} -> ${y}`).join(', ')}`,
  );
  if (changed.size > 0 || compared !== a.size || compared !== b.size) process.exitCode = 1;
  else lines.push('no difference');
  return lines;
}

const [verb, first, second] = positionals;
if (verb === 'record' && second !== undefined) {
  const lines = Array.from((await record(first)).values(), (one) => JSON.stringify(one));
  await writeFile(second, `${lines.join('\n')}\n`);
} else if (verb === 'compare' && second !== undefined) {
  const [a, b] = await Promise.all([recordingOf(first), recordingOf(second)]);
  process.stdout.write(`${compare(a, b).join('\n')}\n`);
} else if (verb === 'input' && second !== undefined) {
  for await (const input of allInputs()) if (input.name === first) await writeFile(second, input.bytes);
} else {
  const usage = (await readFile(new URL(import.meta.url), 'utf8'))
    .split('*/')[0]
    .replaceAll(/^(\/\*\*| \*) ?/gm, '');
  process.stdout.write(`${usage.trim()}\n`);
  process.exitCode = values.help ? 0 : 2;
}
