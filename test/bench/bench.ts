/**
 * Measures our commands and those of others in turn, several times, whole processes with their start, and prints medians,
 * spreads, ratios and peak memory.
 *
 *     npm run bench -- [--runs N] [--large] [--write] [--folder DIR] [--only TEXT]
 *
 * `--large` adds 10^7 records (some 2 GB, three times, in the folder). `--write` puts the page into docs/benchmarks.md.
 * `--only` measures what has the text in its name.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { format as prettify } from 'prettier';
import { fixture } from '../tools/fixtures.js';
import { PYTHON } from '../tools/needs.js';
import type { LargeDamage } from './damage.js';
import { damagedCopy, DAMAGES } from './damage.js';
import { changedDatabase, flowerShelf, ownDatabase, realDatabase } from './databases.js';
import type { Run } from './measure.js';
import { runOnce, summarise } from './measure.js';

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    large: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    folder: { type: 'string' },
    only: { type: 'string', default: '' },
  },
});
const runs = Number(options.runs);
const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'gdbm-doctor-bench-')));
mkdirSync(folder, { recursive: true });
const own = [process.execPath, fixture('../dist/gdbm-doctor.cjs')];
const at = (name: string) => join(folder, name);

interface Contest {
  readonly what: string;
  readonly goal: number | undefined;
  readonly ours: readonly string[];
  readonly peer: readonly string[];
  /** Puts files in place before each run of one of the two. */
  readonly before?: () => void;
  /** Fewer runs than of the others, where one takes minutes. */
  readonly times?: number;
}

const rows: string[] = [];
const damagedRows: string[] = [];
const otherRows: string[] = [];
const missing: string[] = [];

async function contest({ what, goal, ours, peer, before, times = runs }: Contest): Promise<void> {
  if (!what.includes(options.only)) return;
  const found = spawnSync(peer[0], ['--version'], { stdio: 'ignore' }).error === undefined;
  if (!found) missing.push(peer[0]);
  const both: [Run[], Run[]] = [[], []];
  for (let n = 0; n < Math.min(times, runs); n++) {
    for (const [i, command] of [ours, peer].entries()) {
      if (i === 1 && !found) continue;
      before?.();
      both[i].push(await runOnce(command));
    }
  }
  const us = summarise(both[0]);
  const cell = ({ median, least, most }: typeof us) =>
    `${median.toFixed(2)} s (${least.toFixed(2)}–${most.toFixed(2)})`;
  const memory = (mib: number) => (mib === 0 ? '–' : `${mib.toFixed(0)} MiB`);
  const them = found ? summarise(both[1]) : undefined;
  const ratio = them === undefined ? '–' : `${(us.median / them.median).toFixed(2)} ×`;
  rows.push(
    `| ${what} | ${cell(us)} | ${them === undefined ? 'not installed' : cell(them)} | ${ratio} | ` +
      `${goal === undefined ? '–' : `${goal} ×`} | ${memory(us.peak)} | ${them === undefined ? '–' : memory(them.peak)} |`,
  );
  process.stderr.write(`${rows.at(-1)}\n`);
}

/** Measures ours alone. */
async function measure({
  what,
  ours,
  before,
  times,
  rows: into = damagedRows,
}: Pick<Contest, 'what' | 'ours' | 'before' | 'times'> & { rows?: string[] }): Promise<void> {
  if (!what.includes(options.only)) return;
  const made: Run[] = [];
  for (let n = 0; n < Math.min(times ?? runs, runs); n++) {
    before?.();
    made.push(await runOnce(ours));
  }
  const { median, least, most, peak } = summarise(made);
  into.push(
    `| ${what} | ${median.toFixed(2)} s (${least.toFixed(2)}–${most.toFixed(2)}) | ${peak.toFixed(0)} MiB |`,
  );
  process.stderr.write(`${into.at(-1)}\n`);
}

function python(): boolean {
  const found = spawnSync(PYTHON, ['-c', 'import dbm.gnu'], { stdio: 'ignore' }).status === 0;
  if (!found && !missing.includes('python3-gdbm')) missing.push('python3-gdbm');
  return found;
}

const small = fixture('amd64.db');
await contest({
  what: '`--version`, beside `node -e 0`',
  goal: 1.6,
  ours: [...own, '--version'],
  peer: [process.execPath, '-e', '0'],
});
await contest({
  what: '`check` of a small file, beside `node -e 0`',
  goal: 2,
  ours: [...own, 'check', small],
  peer: [process.execPath, '-e', '0'],
});

const sizes: [string, number][] = [
  ['10⁵', 1e5],
  ['10⁶', 1e6],
  ...(options.large ? [['10⁷', 1e7] as [string, number]] : []),
];
for (const [name, records] of sizes) {
  const made: [string, string][] = [['our writer’s', at(`own-${records}.db`)]];
  await ownDatabase(made[0][1], records);
  // Ten million stored one by one take a quarter of an hour.
  if (records < 1e7 && python()) {
    made.push(['the library’s', at(`real-${records}.db`)]);
    realDatabase(made[1][1], records, PYTHON);
    if (records === 1e6) {
      made.push(['the library’s much changed', at(`changed-${records}.db`)]);
      changedDatabase(made[2][1], records, PYTHON);
    }
  }
  for (const [whose, path] of made) {
    const what = `${name} records, ${whose} file`;
    const copy = at('copy.db');
    const out = at('out.db');
    const goal = records >= 1e7 ? 1 : 1.5;
    await contest({
      what: `\`check\`, ${what}, beside \`gdbmtool recover\``,
      goal,
      ours: [...own, 'check', path],
      peer: ['gdbmtool', '--norc', path, 'recover'],
    });
    await contest({
      what: `\`repair -o\`, ${what}, beside \`gdbmtool recover force\`${records >= 1e7 ? ', once' : ''}`,
      goal: 0.33,
      times: records >= 1e7 ? 1 : runs,
      before: () => {
        rmSync(out, { force: true });
        copyFileSync(path, copy);
      },
      ours: [...own, 'repair', '-o', out, copy],
      peer: ['gdbmtool', '--norc', copy, 'recover', 'force'],
    });
    rmSync(out, { force: true });
    rmSync(copy, { force: true });
  }
}

{
  const path = at(`own-${1e6}.db`);
  const dump = at('dump.txt');
  const out = at('loaded.db');
  const clear = () => rmSync(out, { force: true });
  await contest({
    what: '`dump`, 10⁶ records, beside `gdbm_dump`',
    goal: 0.5,
    ours: [...own, 'dump', '--format', 'ascii', path],
    peer: ['gdbm_dump', path, '-'],
  });
  spawnSync('sh', ['-c', '"$0" "$1" dump --format ascii "$2" > "$3"', ...own, path, dump]);
  if (statSync(dump).size > 0) {
    await contest({
      what: '`load`, 10⁶ records, beside `gdbm_load`',
      goal: 0.33,
      before: clear,
      ours: [...own, 'load', dump, out],
      peer: ['gdbm_load', dump, out],
    });
  }
  clear();
  const lost = at('lost.db');
  await damagedCopy(path, lost, 'the header lost');
  await contest({
    what: '`check`, header lost, 10⁶ records, beside `cat`',
    goal: 10,
    ours: [...own, 'check', lost],
    peer: ['cat', lost],
  });
}

// The library is not measured here: it may refuse such a file, or lose what could not be read.
async function measureDamaged(path: string, of: string, damage: LargeDamage, times: number): Promise<void> {
  const [damaged, out] = [at('damaged.db'), at('out.db')];
  await damagedCopy(path, damaged, damage);
  const what = `${of}, ${damage}`;
  await measure({ what: `\`check\`, ${what}`, ours: [...own, 'check', damaged], times });
  const before = () => rmSync(out, { force: true });
  await measure({
    what: `\`repair -o\`, ${what}`,
    ours: [...own, 'repair', '-o', out, damaged],
    before,
    times,
  });
  before();
  rmSync(damaged);
}

for (const [name, records] of sizes.slice(1)) {
  const library = at(`real-${records}.db`);
  const path = existsSync(library) ? library : at(`own-${records}.db`);
  const whose = path === library ? 'the library’s' : 'our writer’s';
  for (const damage of Object.keys(DAMAGES) as LargeDamage[]) {
    await measureDamaged(path, `${name} records, ${whose} file`, damage, records >= 1e7 ? 1 : runs);
  }
}
const changed = at(`changed-${1e6}.db`);
if (existsSync(changed)) {
  const of = '10⁶ records, the library’s much changed file';
  await measureDamaged(changed, of, 'a key overwritten', runs);
}

async function measureConvert(name: string, path: string, times: number): Promise<void> {
  const out = at('converted.db');
  const before = () => rmSync(out, { force: true });
  const ours = [...own, 'convert', '--for', 's390x', path, out];
  await measure({ what: `\`convert\`, ${name} records`, ours, before, times, rows: otherRows });
  before();
}

{
  // Commands that list, compare or print records one by one.
  const [own6, library] = [at(`own-${1e6}.db`), at(`real-${1e6}.db`)];
  const path = existsSync(library) ? library : own6;
  const damaged = at('damaged.db');
  await damagedCopy(path, damaged, 'a key overwritten');
  const commands: [string, string[]][] = [
    ['`get`', ['get', path, 'key-000000777-of-some-length']],
    ['`list`', ['list', path]],
    ['`salvage`', ['salvage', path]],
    ['`salvage --deleted`', ['salvage', '--deleted', path]],
    ['`dump`, a key overwritten', ['dump', '--format', 'ascii', damaged]],
    ['`diff` with a file that has the same keys', ['diff', path, own6]],
    ['`report --html`', ['report', path, '--html', at('page.html')]],
    ...(existsSync(changed)
      ? ([['`salvage --deleted` of a much changed file', ['salvage', '--deleted', changed]]] as [
          string,
          string[],
        ][])
      : []),
  ];
  for (const [what, args] of commands) {
    await measure({ what: `${what}, 10⁶ records`, ours: [...own, ...args], times: runs, rows: otherRows });
  }
  await measureConvert('10⁶', path, runs);
  rmSync(damaged);
}

if (options.large) {
  const path = at(`own-${1e7}.db`);
  const commands: [string, string[]][] = [
    ['`get`', ['get', path, 'key-000000777-of-some-length']],
    ['`list`', ['list', path]],
    ['`salvage`', ['salvage', path]],
    ['`dump`', ['dump', '--format', 'ascii', path]],
    ['`diff` with itself', ['diff', path, path]],
    ['`inspect at`', ['inspect', path, 'at', '5000000']],
    ['`inspect map`', ['inspect', path, 'map']],
  ];
  for (const [what, args] of commands) {
    await measure({ what: `${what}, 10⁷ records`, ours: [...own, ...args], times: 1, rows: otherRows });
  }
  await measureConvert('10⁷', path, 1);
}

if (python()) {
  const shelf = at('flower');
  flowerShelf(shelf, PYTHON);
  const load = 'import shelve, sys; shelve.open(sys.argv[1], flag="r")["events"]';
  await contest({
    what: '`check --profile flower`, a pickle of 52 MB, beside Python unpickling it',
    goal: 1,
    ours: [...own, 'check', '--profile=flower', shelf],
    peer: [PYTHON, '-c', load, shelf],
  });
}

const gdbmtool =
  spawnSync('gdbmtool', ['--version'], { encoding: 'utf8' }).stdout?.split('\n')[0] ?? 'no gdbmtool';
const page = `# Benchmarks

Made by \`npm run bench -- --runs ${runs}${options.large ? ' --large' : ''} --write\`: ${cpus()[0].model.trim()}, ${cpus().length} cores,
${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}, ${gdbmtool}. Whole processes with their start, ours and
the other in turn, ${runs} times each: medians, and least to most in parentheses. Read ratios, not seconds: machines are shared.
Ours is \`dist/gdbm-doctor.cjs\`. Databases are made by the project's own writer, or stored one by one by the real
library. Memory is the peak of the resident set; the library maps its file, so the file counts in it.

| what | ours | the other | ratio | goal | our memory | its memory |
| --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

${missing.length === 0 ? 'Every peer was installed.' : `Not installed, so not measured: ${[...new Set(missing)].join(', ')}.`}

## Damaged files

Ours alone: the library refuses such files, or rebuilds what it can still read of them.

| what | ours | our memory |
| --- | --- | --- |
${damagedRows.join('\n')}

## Other commands

Ours alone, of a file that the library made where it is installed.

| what | ours | our memory |
| --- | --- | --- |
${otherRows.join('\n')}

${readFileSync(new URL('notes.md', import.meta.url), 'utf8')}`;
const pretty = await prettify(page, { parser: 'markdown', printWidth: 110, proseWrap: 'preserve' });
if (options.write) await writeFile(fixture('../docs/benchmarks.md'), pretty);
else process.stdout.write(pretty);
if (options.folder === undefined) rmSync(folder, { recursive: true });
