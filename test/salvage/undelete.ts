/**
 * Measures how many old records `salvage --deleted` lists of those that are whole in free space, and how many of what it lists were
 * really stored so. Needs the real library.
 *
 *     npm run undelete -- [--seed N] [--steps N] [--write]
 *
 * With `--write` the table goes into docs/salvage.md.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { format } from 'prettier';
import { fixture } from '../tools/fixtures.js';
import { LibGdbm } from '../tools/libgdbm.js';
import type { Listed } from './histories.js';
import { listOldOf, nothingListed, PROGRAMS } from './histories.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    steps: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed ?? 1);
const sizes = values.steps === undefined ? [300, 1500, 4000, 12_000] : [Number(values.steps)];

const share = (part: number, all: number) => (all === 0 ? 'none' : `${part} of ${all}`);
function line(name: string, { whole, found, by }: Listed): string {
  const columns = [by.high, by.medium, by.low].map(({ right, listed }) => share(right, listed));
  return `| ${[name, share(found, whole), ...columns].join(' | ')} |`;
}

const folder = await mkdtemp(join(tmpdir(), 'undelete-'));
const lib = new LibGdbm();
const table = [
  '| keys and values | listed, of those that are whole | `high`, right | `medium`, right | `low`, right |',
  '| --- | --- | --- | --- | --- |',
];
try {
  for (const joined of [false, true]) {
    const sum = nothingListed();
    let wholes = 0;
    for (const [n, [name, program]] of Object.entries(PROGRAMS).entries()) {
      const all = nothingListed();
      let whole = 0;
      for (const steps of sizes) {
        const spec = { steps, keys: 1 + Math.ceil(steps / 4), seed: seed * 1000 + n, joined };
        const one = await listOldOf(lib, join(folder, 'history.db'), program, spec);
        for (const into of [all, sum]) {
          into.found += one.found;
          for (const level of ['high', 'medium', 'low'] as const) {
            into.by[level].listed += one.by[level].listed;
            into.by[level].right += one.by[level].right;
          }
        }
        whole += one.whole;
      }
      wholes += whole;
      if (!joined) table.push(line(name, { ...all, whole }));
    }
    const all = joined ? 'all, by a program that lets libgdbm join free ranges' : '**all**';
    table.push(line(all, { ...sum, whole: wholes }));
  }
} finally {
  lib.close();
  await rm(folder, { recursive: true });
}
process.stdout.write(`${table.join('\n')}\n`);
if (values.write) {
  const path = fixture('../docs/salvage.md');
  const text = await readFile(path, 'utf8');
  const [from, to] = ['<!-- undelete -->', '<!-- end of undelete -->'].map((mark) => text.indexOf(mark));
  if (from < 0 || to < from) throw new Error('docs/salvage.md has no place for the table');
  const changed = `${text.slice(0, from)}<!-- undelete -->\n\n${table.join('\n')}\n\n${text.slice(to)}`;
  await writeFile(path, await format(changed, { parser: 'markdown' }));
}
