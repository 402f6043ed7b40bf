/**
 * Runs the test files and closes with what passed, failed and was skipped, each skip with its reason. Arguments are
 * parts of file names; without any, all files run.
 *
 * The files of a folder run in few processes, one more at a time than there are cores, since some wait: the start of a
 * process for each file takes longer than most files do. A process that hangs is ended and fails.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
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

/** A file for each group, which imports the tests of one folder. */
const groups = mkdtempSync(join(tmpdir(), 'gdbm-doctor-groups-'));

function grouped(): string[] {
  const made: string[] = [];
  for (let first = 0; first < files.length;) {
    let end = first + 1;
    while (end < files.length && end - first < GROUP && dirname(files[end]) === dirname(files[first])) end++;
    const imports = files
      .slice(first, end)
      .map((file) => `import ${JSON.stringify(pathToFileURL(file).href)};\n`);
    const name = relative(folder, dirname(files[first])).replaceAll('/', '-') || 'top';
    const path = join(groups, `${name}-${first}.mjs`);
    writeFileSync(path, imports.join(''));
    made.push(path);
    first = end;
  }
  return made;
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
const stream = run({ files: grouped(), concurrency: availableParallelism() + 1, timeout });
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
    rmSync(groups, { recursive: true });
    endLeftovers(mark);
    process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
  });
});
