import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { COMMAND_NAMES } from '../../src/cli/main.js';
import { run } from '../tools/cli.js';
import { sample } from '../tools/effort.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';

/** The program in one file, which starts in half the time. */
const PROGRAM = [process.execPath, fixture('../dist/gdbm-doctor.cjs')];

/** Commands that write nothing to stdout; `guard` leaves it to its program. */
const SILENT = ['guard', 'watch'];

/** Command lines whose output is their result, and those whose output reports work that is done. */
interface Lines {
  readonly result?: readonly string[];
  readonly report?: readonly string[];
}

/** Each command that writes to stdout, in a folder as {@link makeFolder} makes it. */
const LINES: Record<string, Lines> = {
  check: { report: ['check --hash a.db b.db'] },
  doctor: { report: ['doctor --json a.db'] },
  repair: { report: ['repair --no-lock damaged.db'] },
  snapshots: { report: ['snapshots restored.db'] },
  restore: { report: ['restore --no-lock --json restored.db'] },
  salvage: { result: ['salvage a.db'] },
  report: { result: ['report a.db --html -'], report: ['report a.db --html page.html'] },
  inspect: { result: ['inspect --json a.db', 'inspect a.db map --all'] },
  list: { result: ['list --json a.db'] },
  get: { result: ['get a.db --key-encoding hex 6b657920303234'] },
  dump: { result: ['dump a.db'] },
  delete: { report: ['delete --no-lock less.db --key-encoding hex 6b657920303234'] },
  compact: { report: ['compact --no-lock less.db'] },
  load: { report: ['load --replace --no-lock records.ndjson loaded.db'] },
  convert: { report: ['convert --replace --no-lock a.db converted.db'] },
  diff: { result: ['diff a.db b.db'] },
  'latest-snapshot': { report: ['latest-snapshot a.db b.db'] },
  look: { result: ['look --no-snapshot a.db'] },
  completion: { result: ['completion'] },
  help: { result: ['help check'] },
  'without a command': { result: ['--help'], report: ['--version'] },
};
const RESULTS = Object.values(LINES).flatMap(({ result = [] }) => result);
const REPORTS = Object.values(LINES).flatMap(({ report = [] }) => report);

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await temporaryFolder(t);
  for (const name of ['a.db', 'less.db', 'restored.db'])
    await copyFile(fixture('amd64.db'), join(folder, name));
  for (const name of ['b.db', 'damaged.db']) await copyFile(fixture('killed-shelve.db'), join(folder, name));
  await copyFile(fixture('records.ndjson'), join(folder, 'records.ndjson'));
  assert.equal((await shell(folder, '"$@"', 'look restored.db')).code, 0);
  return folder;
}

/** Makes `many.db` there, whose keys and values take some 300 KB as text. */
async function makeMany(folder: string): Promise<void> {
  const lines = Array.from({ length: 1500 }, (_, i) => {
    const key = Buffer.from(String(i).padStart(90, 'key ')).toString('base64');
    return `{"key":"${key}","value":"${'QUFB'.repeat(20)}"}\n`;
  });
  await writeFile(join(folder, 'many.ndjson'), lines.join(''));
  assert.equal((await shell(folder, '"$@"', 'load many.ndjson many.db')).code, 0);
}

/** Runs a command line of the program by a line of sh, in which it is `"$@"`, and $0 the folder, where it runs. */
function shell(folder: string, script: string, line: string) {
  const words = [...PROGRAM, ...line.split(' ')];
  return run('sh', ['-c', `cd "$0" && ${script}`, folder, ...words]);
}

test('each command is in the table of commands whose output is tested', () => {
  const untried = COMMAND_NAMES.filter((name) => !SILENT.includes(name) && !(name in LINES));
  assert.deepEqual(untried, []);
});

test('every command ends with 2 and a message if only part of its output can be written', async (t) => {
  const folder = await makeFolder(t);
  // As many blocks of 512 bytes as a file may have.
  const blocks = 2000;
  const repairs = LINES['repair'].report!;
  for (const line of new Set([...sample([...RESULTS, ...REPORTS], 10), ...repairs])) {
    // One byte fits: the system writes it, and refuses the rest.
    await writeFile(join(folder, 'out'), '');
    await truncate(join(folder, 'out'), blocks * 512 - 1);
    const { code, stderr } = await shell(folder, `ulimit -f ${blocks} && exec "$@" >> out`, line);
    assert.equal(code, 2, `${line}: ${stderr}`);
    assert.match(stderr, /^gdbm-doctor: standard output: EFBIG: file too large, .* not whole/m, line);
    assert.equal((await stat(join(folder, 'out'))).size, blocks * 512, line);
  }
  const { code } = await shell(folder, '"$@"', 'check damaged.db');
  assert.equal(code, 0, 'the repair is done all the same');
});

test('a reader that leaves early makes a result a failure, but not a report', async (t) => {
  const folder = await makeFolder(t);
  const ended = async (line: string) =>
    (await shell(folder, '{ "$@"; echo "code $?" >&2; } | true', line)).stderr;
  for (const line of sample(RESULTS, 5, 1)) assert.equal(await ended(line), 'code 141\n', line);
  for (const line of sample(REPORTS, 5, 1)) assert.match(await ended(line), /^code [01]\n$/, line);
});

testWith('mkfifo', 'a pipe whose reader is slow gets all of the output', async (t) => {
  const folder = await temporaryFolder(t);
  await makeMany(folder);
  await shell(folder, '"$@" > whole', 'dump many.db');
  await shell(folder, '"$@" | { sleep 0.3; cat; } > piped', 'dump many.db');
  const whole = await readFile(join(folder, 'whole'));
  assert.ok(whole.length > 1 << 17);
  assert.ok(whole.equals(await readFile(join(folder, 'piped'))));
});

testWith('mounts', 'a volume that is too full for the end of the output is reported', async (t) => {
  const folder = await temporaryFolder(t);
  await makeMany(folder);
  const volume = join(folder, 'volume');
  await mkdir(volume);
  const script = `mount -t tmpfs -o size=100k none volume && "$@" > volume/out; echo "code $?"; wc -c < volume/out`;
  for (const line of ['dump many.db', 'list --json many.db', 'list many.db']) {
    const words = [...PROGRAM, ...line.split(' ')];
    const ran = await run('unshare', ['-m', 'sh', '-c', `cd "$0" && ${script}`, folder, ...words]);
    assert.equal(ran.stdout, 'code 2\n102400\n', `${line}: ${ran.stderr}`);
    assert.match(ran.stderr, /^gdbm-doctor: standard output: no space left to write to it/, line);
  }
});

testWith('strace', 'an error that the system reports only at closing the output is reported', async (t) => {
  const folder = await temporaryFolder(t);
  await copyFile(fixture('amd64.db'), join(folder, 'a.db'));
  for (const line of ['list a.db', 'check a.db', '--version']) {
    const script = `exec strace -f -qq -o /dev/null -P "$0/out" -e inject=close:error=EIO "$@" > out`;
    const { code, stderr } = await shell(folder, script, line);
    assert.equal(code, 2, `${line}: ${stderr}`);
    assert.match(stderr, /^gdbm-doctor: standard output: EIO: i\/o error, close; .* not whole/, line);
    assert.ok((await readFile(join(folder, 'out'))).length > 0, line);
  }
});
