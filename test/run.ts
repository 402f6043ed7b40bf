/**
 * Runs the test files and closes with what passed, failed and was skipped, each skip with its reason. Arguments are
 * parts of file names; without any, all files run.
 *
 * The files of a folder run in few processes, two more at a time than there are cores, since some wait. esbuild makes one
 * program of each group of files before: a process that transpiles takes a second of CPU time for its start, this one a
 * tenth. A process that hangs is ended and fails.
 */
import { build } from 'esbuild';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { endLeftovers, MARK } from './tools/leftovers.js';

const folder = fileURLToPath(new URL('.', import.meta.url));
const wanted = process.argv.slice(2);
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .map((name) => join(folder, name))
  .sort();

/** Files that run in one process. With more of them the last process would run alone for long. */
const GROUP = 6;
/** Folders whose tests wait for other processes, or compute for long: they run first, beside each other. */
const FIRST = ['flower', 'service', 'torture', 'store', 'cli'];

/** Parts of the file list, by the name of each. */
function groups(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (let first = 0; first < files.length;) {
    let end = first + 1;
    while (end < files.length && end - first < GROUP && dirname(files[end]) === dirname(files[first])) end++;
    const name = relative(folder, dirname(files[first])).replaceAll('/', '-') || 'top';
    found.set(`${name}-${first}`, files.slice(first, end));
    first = end;
  }
  return found;
}

/** The programs of the groups, in a folder that is removed at the end. */
const built = mkdtempSync(join(tmpdir(), 'gdbm-doctor-tests-'));

/** @returns the path of a program for each group */
async function buildGroups(): Promise<string[]> {
  const entries = groups();
  // Packages are found from where their importer is.
  symlinkSync(join(folder, '..', 'node_modules'), join(built, 'node_modules'));
  await build({
    entryPoints: [...entries.keys()].map((name) => ({ in: `group:${name}`, out: name })),
    outdir: built,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: 'linked',
    logLevel: 'warning',
    plugins: [
      {
        name: 'groups',
        setup(build) {
          build.onResolve({ filter: /^group:/ }, ({ path }) => ({ path: path.slice(6), namespace: 'group' }));
          build.onLoad({ filter: /./, namespace: 'group' }, ({ path }) => ({
            contents: entries
              .get(path)!
              .map((file) => `import ${JSON.stringify(file)};\n`)
              .join(''),
            resolveDir: folder,
          }));
          // A module still finds the files beside its source.
          build.onLoad({ filter: /\.ts$/ }, async ({ path }) => ({
            contents: (await readFile(path, 'utf8')).replaceAll(
              'import.meta.url',
              JSON.stringify(pathToFileURL(path).href),
            ),
            loader: 'ts',
          }));
        },
      },
    ],
  });
  const rank = (name: string) => {
    const found = FIRST.indexOf(name.replace(/-\d+$/, ''));
    return found < 0 ? FIRST.length : found;
  };
  return [...entries.keys()].sort((a, b) => rank(a) - rank(b)).map((name) => join(built, `${name}.mjs`));
}

/** Milliseconds that a group may take; GDBM_DOCTOR_TEST_TIMEOUT names another number. */
const timeout = Number(process.env['GDBM_DOCTOR_TEST_TIMEOUT'] ?? 10 * 60_000);
/** Lines of a failure's message that are said again at the end. */
const REASON = 12;
const mark = randomUUID();
process.env[MARK] = mark;

let passed = 0;
let failed = 0;
const skipped: string[] = [];
/** Each failure and its reason, repeated at the end, where a log that is cut still has it. */
const failures: string[] = [];
// Node hands its options on to the processes of the groups; these need no transpiler.
process.execArgv.splice(0, Infinity, '--enable-source-maps');
const stream = run({ files: await buildGroups(), concurrency: availableParallelism() + 2, timeout });
stream.on('test:pass', ({ name, skip }) => {
  if (skip === undefined) passed++;
  else skipped.push(`${name}: ${skip === true ? 'no reason given' : skip}`);
});
stream.on('test:fail', ({ name, details }) => {
  failed++;
  const cause = details.error.cause;
  const why = cause instanceof Error ? cause.message : details.error.message;
  failures.push(`${name}: ${why.split('\n').slice(0, REASON).join('\n  ')}`);
  // Its children would hold its output open, and so the run.
  if ((details.error as { failureType?: string }).failureType === 'testTimeoutFailure') {
    setTimeout(() => endLeftovers(mark), 1000);
  }
});
stream.pipe(new spec()).pipe(process.stdout);
stream.on('end', () => {
  setImmediate(() => {
    const lines = skipped.map((line) => `skipped: ${line}\n`).join('');
    const reasons = failures.map((line) => `failed: ${line}\n`).join('');
    const tail = skipped.length > 0 ? `, ${skipped.length} skipped` : '';
    process.stdout.write(`\n${lines}${reasons}tests: ${passed} passed, ${failed} failed${tail}\n`);
    rmSync(built, { recursive: true });
    endLeftovers(mark);
    process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
  });
});
