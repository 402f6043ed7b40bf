import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { chmod, copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { check } from '../../src/examine.js';
import { memorySource } from '../../src/source/source.js';
import { BIN, cli } from '../tools/cli.js';
import { sample } from '../tools/effort.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';
import { until } from '../tools/until.js';

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(
  t: TestContext,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [BIN, ...args], { env: { ...process.env, ...env }, stdio: 'pipe' });
  t.after(() => child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.end('from outside');
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, ended };
}

/** A program in Node, so that the test needs no other one. */
const node = (script: string) => ['--', process.execPath, '-e', script];

async function database(t: TestContext): Promise<string> {
  const path = join(await temporaryFolder(t), 'state.db');
  await copyFile(fixture('amd64.db'), path);
  return path;
}

test('the guard passes through exit code, streams and arguments', async (t) => {
  const path = await database(t);
  const script =
    'process.stdin.pipe(process.stdout); console.error("own"); process.exitCode = 41; process.stdin.on("end", () => console.log(process.argv.slice(1)))';
  const { code, stdout, stderr } = await start(t, [
    'guard',
    path,
    ...node(script),
    '--',
    '--interval',
    '-x',
    '--',
  ]).ended;
  assert.equal(code, 41);
  assert.match(stdout, /^from outside\[ '--interval', '-x', '--' \]\n$/);
  assert.match(stderr, /^own$/m);
});

test('after a signal that ended the program the exit code is 128 plus its number', async (t) => {
  const path = await database(t);
  const { code } = await start(t, ['guard', path, ...node('process.kill(process.pid, "SIGKILL")')]).ended;
  assert.equal(code, 137);
});

test('signals are passed on to the program', async (t) => {
  const signals = [
    'HUP',
    'INT',
    'USR1',
    'USR2',
    'QUIT',
    'ALRM',
    'WINCH',
    'PWR',
    'IO',
    'VTALRM',
    'XCPU',
    'SYS',
  ]
    .concat('URG', 'STKFLT', 'TSTP', 'TERM')
    .map((name) => `SIG${name}` as NodeJS.Signals);
  const script = `
    for (const signal of ${JSON.stringify(signals)})
      process.on(signal, () => { console.log(signal); if (signal === 'SIGTERM') process.exit(3); });
    setInterval(() => {}, 1000);
    console.log('up');`;
  const { child, ended } = start(t, ['guard', await database(t), ...node(script)]);
  const nextOutput = () => new Promise<string>((resolve) => child.stdout!.once('data', resolve));
  await nextOutput();
  for (const signal of signals) {
    const output = nextOutput();
    child.kill(signal);
    assert.equal(await output, `${signal}\n`);
  }
  assert.equal((await ended).code, 3);
});

test('a missing program gives exit code 127, one that cannot be run 126', async (t) => {
  const path = await database(t);
  assert.equal((await start(t, ['guard', path, '--', 'no-such-program-here']).ended).code, 127);
  assert.equal((await start(t, ['guard', path, '--', path]).ended).code, 126);
});

test('a missing command and a wrong option are reported', async (t) => {
  const path = await database(t);
  const { code, stderr } = await start(t, ['guard', path]).ended;
  assert.equal(code, 125);
  assert.match(stderr, /expected a command/);
  assert.equal((await start(t, ['guard', path, '--fallback', 'hope', ...node('')]).ended).code, 125);
  const empty = await start(t, ['guard', path, '--', '']).ended;
  assert.equal(empty.code, 125);
  assert.match(empty.stderr, /expected a command, found an empty word/);
  for (const seconds of ['Infinity', '1e999', '0', 'x'])
    assert.equal((await start(t, ['guard', path, '--interval', seconds, ...node('')]).ended).code, 125);
});

test('the options of a repair are those of guard: a wrong one does not start the program', async (t) => {
  const path = await database(t);
  const script = node('console.log("ran")');
  for (const option of ['--max-loss=x', '--include=everything', '--keep=0', '--max-bytes=much']) {
    const { code, stdout } = await start(t, ['guard', path, option, ...script]).ended;
    assert.deepEqual([code, stdout], [125, ''], option);
  }
  const options = ['--max-loss=1%', '--include=stale,deleted', '--keep=3,2,1', '--max-bytes=5M'];
  const { code, stdout, stderr } = await start(t, ['guard', path, ...options, ...script]).ended;
  assert.deepEqual([code, stdout], [0, 'ran\n'], stderr);
});

test('a damaged database is repaired before the program starts, and the old file stays', async (t) => {
  const path = await database(t);
  const bytes = await readFile(path);
  bytes.writeBigInt64LE(7n, 8);
  await writeFile(path, bytes);
  const script = 'console.log(require("fs").readFileSync(process.argv[1]).readBigInt64LE(8))';
  const { code, stdout, stderr } = await start(t, ['guard', path, ...node(script), path]).ended;
  assert.equal(code, 0, stderr);
  assert.notEqual(stdout, '7n\n');
  assert.equal((await check(memorySource(await readFile(path)))).verdict, 'healthy');
  assert.deepEqual(await readFile(`${path}.~1~`), bytes);
  assert.match(stderr, /repaired; \d+ records kept/);
});

test('an emptied, a truncated and a missing file are restored from a snapshot', async (t) => {
  const path = await database(t);
  const sound = await readFile(path);
  assert.equal((await start(t, ['guard', path, ...node('')]).ended).code, 0);
  const losses: (() => Promise<unknown>)[] = [
    () => writeFile(path, ''),
    () => writeFile(path, sound.subarray(0, 600)),
    async () => (await import('node:fs/promises')).unlink(path),
  ];
  for (const lose of sample(losses, 2)) {
    await lose();
    const { code, stderr } = await start(t, ['guard', path, ...node('')]).ended;
    assert.equal(code, 0);
    assert.match(stderr, /the snapshot \S+ is back/);
    assert.deepEqual(await readFile(path), sound);
  }
});

/** Text that no repair turns into a database. */
const HOPELESS = Buffer.from('this is a text and nothing else\n'.repeat(300));

test('a file beyond repair is set aside, and the program starts without one', async (t) => {
  const path = await database(t);
  await writeFile(path, HOPELESS);
  const script = 'console.log(require("fs").existsSync(process.argv[1]))';
  const { code, stdout, stderr } = await start(t, ['guard', path, ...node(script), path]).ended;
  assert.equal(code, 0, stderr);
  assert.equal(stdout, 'false\n');
  assert.deepEqual(await readFile(`${path}.~1~`), HOPELESS);
});

/** A database of pickled numbers and some other values. */
async function shelve(path: string, pickles: number, others: Record<string, string> = {}): Promise<Buffer> {
  const base64 = (bytes: string | number[]) => Buffer.from(bytes as string).toString('base64');
  const records = [
    ...Array.from({ length: pickles }, (_, n) => [`job-${n}`, [0x80, 4, 0x4b, n, 0x2e]] as const),
    ...Object.entries(others),
  ];
  const dump = `${path}.ndjson`;
  const lines = records.map(([key, value]) =>
    JSON.stringify({ key: base64(key), value: base64(value as string) }),
  );
  await writeFile(dump, lines.map((line) => `${line}\n`).join(''));
  // Replacing another file would need a lock, which Node cannot take.
  await rm(path, { force: true });
  assert.equal((await cli(['load', dump, path])).code, 0);
  return readFile(path);
}

for (const fallback of sample(['empty', 'fail', 'no-persistence'], 2)) {
  test(`a sound database of pickles with another value is left alone, for any snapshot: --fallback ${fallback}`, async (t) => {
    const path = join(await temporaryFolder(t), 'state.db');
    await shelve(path, 4);
    assert.equal((await start(t, ['guard', path, ...node('')]).ended).code, 0);
    const bytes = await shelve(path, 90, { version: '1.0' });
    const script = 'console.log(require("fs").statSync(process.argv[1]).size)';
    const args = ['guard', '--fallback', fallback, path, ...node(script), path];
    const { code, stdout, stderr } = await start(t, args).ended;
    assert.deepEqual([code, stdout], [0, `${bytes.length}\n`], stderr);
    assert.match(stderr, /damaged: value-not-pickle, .*left as it is.*--profile none/);
    assert.deepEqual(await readFile(path), bytes);
    if (fallback !== 'empty') return;
    const once = await cli(['watch', '--once', path]);
    assert.equal(once.code, 1, once.stderr);
    assert.deepEqual(await readFile(path), bytes, once.stderr);
  });
}

test('--fallback fail does not start the program and touches nothing', async (t) => {
  const path = await database(t);
  await writeFile(path, HOPELESS);
  const { code, stdout, stderr } = await start(t, [
    'guard',
    path,
    '--fallback',
    'fail',
    ...node('console.log("ran")'),
  ]).ended;
  assert.equal(code, 125);
  assert.equal(stdout, '');
  assert.match(
    stderr,
    /error: with --fallback fail \S+ is not started: exit code 125, which is the guard's own\n/,
  );
  assert.deepEqual(await readFile(path), HOPELESS);
  // A program's own 2 stays 2.
  const own = await start(t, ['guard', await database(t), '--fallback', 'fail', ...node('process.exit(2)')])
    .ended;
  assert.equal(own.code, 2);
  assert.match(own.stderr, /ended with 2\n/);
});

/** Simulates celery: prints its arguments and the variables for persistence. */
async function celery(t: TestContext): Promise<string> {
  const path = join(await temporaryFolder(t), 'celery');
  const script =
    'console.log(JSON.stringify([process.argv.slice(2), process.env.FLOWER_PERSISTENT, process.env.FLOWER_DB]))';
  await writeFile(path, `#!${process.execPath}\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

test('the database is found in Flower’s arguments or environment, and --fallback no-persistence overrules both', async (t) => {
  const path = await database(t);
  await writeFile(path, HOPELESS);
  const program = await celery(t);
  const options = ['guard', '--fallback', 'no-persistence', '--', program, 'flower'];
  const byArgument = await start(t, [...options, '--persistent=True', `--db=${path}`, '--port=1']).ended;
  const [[, ...args]] = JSON.parse(byArgument.stdout) as [string[]];
  assert.deepEqual(args, ['--persistent=True', `--db=${path}`, '--port=1', '--persistent=False']);
  const env = { FLOWER_PERSISTENT: 'True', FLOWER_DB: path };
  const byEnvironment = await start(t, options, env).ended;
  assert.match(byEnvironment.stdout, /^\[\["flower","--persistent=False"\],/);
  assert.deepEqual(await readFile(path), HOPELESS);
});

testWith(
  'root',
  'on a read-only volume the program starts with a database elsewhere, without one, or not at all',
  async (t) => {
    const folder = await temporaryFolder(t);
    const path = join(folder, 'away', 'state.db');
    const program = await celery(t);
    const command = ['--', program, 'flower', '--persistent=True', `--db=${path}`];
    // Nobody can write to a missing folder.
    const empty = await start(t, ['guard', ...command]).ended;
    assert.equal(empty.code, 0, empty.stderr);
    const [args] = JSON.parse(empty.stdout) as [string[]];
    assert.match(args.at(-1)!, /^--db=.*gdbm-doctor-.*\/state\.db$/);
    const without = await start(t, ['guard', '--fallback', 'no-persistence', ...command]).ended;
    assert.match(without.stdout, /"--persistent=False"\]/);
    assert.equal((await start(t, ['guard', '--fallback', 'fail', ...command]).ended).code, 125);
  },
);

testWith(
  'flock',
  'the guard watches the running database: snapshots, metrics, health and the log',
  async (t) => {
    const path = await database(t);
    const folder = await temporaryFolder(t);
    const file = (name: string) => join(folder, name);
    const outlets = [
      `--metrics-file=${file('metrics')}`,
      `--health-file=${file('health')}`,
      `--log-file=${file('log')}`,
    ];
    const { child, ended } = start(t, [
      'guard',
      path,
      '--interval=0.2',
      '--keep=2',
      '--log-format=json',
      ...outlets,
      ...node('setInterval(() => {}, 1000)'),
    ]);
    await until('the metrics say healthy', () =>
      readFile(file('metrics'), 'utf8').then((text) => /^gdbm_doctor_healthy\{[^}]*\} 1$/m.test(text)),
    );
    assert.equal(await readFile(file('health'), 'utf8'), 'healthy\n');
    // A new sound database leads to a new snapshot.
    const before = (await readdir(join(path, '..', '.state.db.snapshots'))).length;
    await copyFile(fixture('i386.db'), path);
    await copyFile(fixture('killed-shelve.db'), path);
    // Damage at rest is seen twice, then repaired.
    await until('a backup is there', () => stat(`${path}.~1~`).then(() => true));
    await until(
      'it is sound',
      async () => (await check(memorySource(await readFile(path)))).verdict === 'healthy',
    );
    await until('the metrics tell of a repair', () =>
      readFile(file('metrics'), 'utf8').then((text) => /^gdbm_doctor_repairs_total\{[^}]*\} 1$/m.test(text)),
    );
    child.kill('SIGTERM');
    assert.equal((await ended).code, 143);
    assert.ok((await readdir(join(path, '..', '.state.db.snapshots'))).length > before);
    const lines = (await readFile(file('log'), 'utf8')).trimEnd().split('\n');
    const events = lines.map((line) => (JSON.parse(line) as { event: string }).event);
    for (const event of ['clean', 'snapshot', 'started', 'repaired', 'ended'])
      assert.ok(events.includes(event), event);
  },
);

test('unwritable log, metrics and health files never stop the guard', async (t) => {
  const path = await database(t);
  const options = ['--log-file', '--metrics-file', '--health-file'];
  const nowhere: string[] = [];
  for (const option of options) {
    await mkdir(`${path}${option}`);
    nowhere.push(option, `${path}${option}`);
  }
  const away = options.map((option) => `${option}=${path}.none/${option}`);
  for (const places of [nowhere, away]) {
    const { code, stderr } = await start(t, ['guard', path, ...places, ...node('process.exitCode = 5')])
      .ended;
    assert.equal(code, 5);
    for (const option of options) {
      const said = stderr.split('\n').filter((line) => line.includes(`${option}: cannot be written to`));
      assert.equal(said.length, 1, stderr);
    }
  }
});

testWith('mkfifo', 'a guard ends although its log file is a pipe without a reader', async (t) => {
  const path = await database(t);
  assert.equal(spawnSync('mkfifo', [`${path}.log`]).status, 0);
  const { code } = await start(t, ['guard', path, `--log-file=${path}.log`, ...node('process.exitCode = 5')])
    .ended;
  assert.equal(code, 5);
});

test('a command without a database runs unchanged', async (t) => {
  const { code, stderr } = await start(t, ['guard', ...node('process.exitCode = 6')]).ended;
  assert.equal(code, 6);
  assert.match(stderr, /database the program keeps is not known.*Name it: gdbm-doctor guard DATABASE -- /);
});

test('where a configuration may name the database guard asks for it, and with --fallback fail starts nothing', async (t) => {
  const program = await celery(t);
  const config = join(await temporaryFolder(t), 'flowerconfig.py');
  const command = ['--', program, 'flower', `--conf=${config}`];
  const without = await start(t, ['guard', ...command]).ended;
  assert.match(without.stderr, /this command keeps no database/);
  await writeFile(config, `persistent = True\ndb = '${config}.db'`);
  const found = await start(t, ['guard', '--', 'sh', '-c', `exec '${program}' flower --conf='${config}'`])
    .ended;
  assert.match(found.stderr, /flowerconfig\.py\.db: there is no such file/);
  await writeFile(config, 'persistent = input()');
  const asked = await start(t, ['guard', ...command]).ended;
  assert.equal(asked.code, 0);
  assert.match(
    asked.stderr,
    /flowerconfig\.py is a program that may name one: it runs without a guard\. Name it/,
  );
  const refused = await start(t, ['guard', '--fallback=fail', ...command]).ended;
  assert.deepEqual([refused.code, refused.stdout], [125, '']);
  const env = { FLOWER_DB: '/data/my flower', FLOWER_PERSISTENT: 'True' };
  const other = await start(t, ['guard', '--fallback=fail', ...node('console.log("ran")')], env).ended;
  assert.deepEqual([other.code, other.stdout], [125, '']);
  assert.match(
    other.stderr,
    /Name it: gdbm-doctor guard '\/data\/my flower' -- .*if it is the one of FLOWER_DB/,
  );
});
