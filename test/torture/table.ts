/**
 * Tortures `repair` and prints what came back.
 *
 *     npm run torture -- [--seed N] [--runs N] [--write]     every row, beside `gdbmtool recover`; --write: docs/torture.md
 *     npm run torture -- --rows REGEX [--databases REGEX] [--of CHECKOUT] [--keep DIR] [--seed N] [--runs N]
 *                                                            some rows, of repair alone, printed as they end
 *
 * It fails, and names the rows, where one is below its floor (floors.ts). With `--of` the repair is that of another checkout, on
 * the same damaged files; with `--keep` these are written to a folder.
 */
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { format as prettify } from 'prettier';
import { fixture } from '../tools/fixtures.js';
import type { Repair } from './recover.js';

const { values: options } = parseArgs({
  options: {
    seed: { type: 'string' },
    runs: { type: 'string' },
    rows: { type: 'string' },
    databases: { type: 'string', default: '' },
    of: { type: 'string' },
    keep: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
// The settings are read from the environment when their module is loaded.
if (options.seed !== undefined) process.env['SEED'] = options.seed;
process.env['RUNS'] = options.runs ?? process.env['RUNS'] ?? (options.rows === undefined ? '10' : '1');

async function repairOf(checkout: string): Promise<Repair> {
  const path = join(resolve(checkout), 'src/repair.ts');
  return ((await import(pathToFileURL(path).href)) as { repair: Repair }).repair;
}

let below: readonly string[];
if (options.rows !== undefined) {
  const { judgeRows } = await import('./judgerows.js');
  below = await judgeRows({
    rows: new RegExp(options.rows),
    databases: new RegExp(options.databases),
    keep: options.keep,
    repair: options.of === undefined ? undefined : await repairOf(options.of),
  });
} else {
  const { makePage } = await import('./page.js');
  const page = await makePage();
  const pretty = await prettify(page.text, { parser: 'markdown', printWidth: 110 });
  if (options.write) await writeFile(fixture('../docs/torture.md'), pretty);
  else process.stdout.write(pretty);
  below = page.below;
}
for (const line of below) process.stderr.write(`below its floor: ${line}\n`);
if (below.length > 0) process.exitCode = 1;
