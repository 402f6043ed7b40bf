/**
 * Profiles of the three hottest paths, before and now: the processor's samples of each, by function.
 *
 *     npm run profiles -- [--before COMMIT] [--records N] [--write]
 *
 * The program of `--before` is built in a folder of its own. `--write` puts the page into docs/profiles.md.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { format as prettify } from 'prettier';
import { fixture } from '../tools/fixtures.js';
import { ownDatabase } from './databases.js';
import { damagedCopy } from './damage.js';

const { values: options } = parseArgs({
  options: {
    before: { type: 'string' },
    records: { type: 'string', default: '1000000' },
    write: { type: 'boolean', default: false },
  },
});
/** Functions that are told of each path. */
const TOLD = 8;

interface Profile {
  readonly nodes: readonly { id: number; callFrame: { functionName: string; url: string } }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Milliseconds by function and file, the most first; what waits is not counted. */
function byFunction({ nodes, samples, timeDeltas }: Profile): { name: string; ms: number }[] {
  const names = new Map(
    nodes.map(({ id, callFrame: { functionName, url } }) => [
      id,
      `${functionName || '(unnamed)'}${url === '' ? '' : ` in ${basename(url)}`}`,
    ]),
  );
  const spent = new Map<string, number>();
  samples.forEach((id, i) => {
    const name = names.get(id)!;
    if (name.startsWith('(idle)')) return;
    spent.set(name, (spent.get(name) ?? 0) + timeDeltas[i] / 1000);
  });
  return [...spent].map(([name, ms]) => ({ name, ms })).sort((a, b) => b.ms - a.ms);
}

function profileOf(program: string, args: readonly string[]): { name: string; ms: number }[] {
  const into = mkdtempSync(join(folder, 'profile-'));
  try {
    execFileSync(process.execPath, ['--cpu-prof', `--cpu-prof-dir=${into}`, program, ...args], {
      stdio: 'ignore',
    });
  } catch {
    // A damaged file ends the check with 1.
  }
  const [file] = readdirSync(into);
  return byFunction(JSON.parse(readFileSync(join(into, file), 'utf8')) as Profile);
}

function table(profile: readonly { name: string; ms: number }[]): string {
  const all = profile.reduce((sum, { ms }) => sum + ms, 0);
  const rows = profile
    .slice(0, TOLD)
    .map(({ name, ms }) => `| ${((100 * ms) / all).toFixed(0)} % | ${ms.toFixed(0)} ms | ${name} |`);
  return [
    `All together ${(all / 1000).toFixed(1)} s.`,
    '',
    '| share | time | where |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

/** The program as it was: its commit, checked out and built beside. */
function buildBefore(commit: string): string {
  const at = join(folder, 'before');
  const git = (...args: string[]) => execFileSync('git', args, { cwd: fixture('..'), stdio: 'ignore' });
  git('worktree', 'add', '--detach', at, commit);
  symlinkSync(fixture('../node_modules'), join(at, 'node_modules'));
  execFileSync('npm', ['run', 'build'], { cwd: at, stdio: 'ignore' });
  return join(at, 'bin/gdbm-doctor.js');
}

const folder = mkdtempSync(join(tmpdir(), 'gdbm-doctor-profiles-'));
try {
  const sound = join(folder, 'sound.db');
  const damaged = join(folder, 'damaged.db');
  await ownDatabase(sound, Number(options.records));
  await damagedCopy(sound, damaged, 'a key overwritten');
  const out = join(folder, 'out.db');
  const paths: [what: string, args: string[]][] = [
    ['`check` of a database in order', ['check', sound]],
    ['`repair -o` of a database in order', ['repair', '-o', out, sound]],
    ['`repair -o` of a database of which one key is overwritten', ['repair', '-o', out, damaged]],
  ];
  const programs: [when: string, program: string][] = [['now', fixture('../bin/gdbm-doctor.js')]];
  if (options.before !== undefined)
    programs.unshift([`before (${options.before})`, buildBefore(options.before)]);
  const parts: string[] = [];
  for (const [what, args] of paths) {
    parts.push(`## ${what}\n`);
    for (const [when, program] of programs) {
      rmSync(out, { force: true });
      parts.push(`### ${when}\n`, table(profileOf(program, args)));
      process.stderr.write(`${what}, ${when}\n`);
    }
  }
  const page = `# Where the time goes

Made by \`npm run profiles -- ${options.before === undefined ? '' : `--before ${options.before} `}--write\`: the samples of
\`node --cpu-prof\` (Node ${process.version}), ${Number(options.records).toLocaleString('en')} records of the project's own writer, by the
function that ran, without what it called and without waiting for the disk. Sampling itself takes time; see
[benchmarks.md](benchmarks.md) for what the commands take.

${parts.join('\n')}`;
  const text = await prettify(page, { parser: 'markdown', printWidth: 120 });
  process.stdout.write(text);
  if (options.write) writeFileSync(fixture('../docs/profiles.md'), text);
} finally {
  if (options.before !== undefined)
    execFileSync('git', ['worktree', 'remove', '--force', join(folder, 'before')], { cwd: fixture('..') });
  rmSync(folder, { recursive: true, force: true });
}
