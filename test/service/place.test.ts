import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  chmod,
  chown,
  copyFile,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { diagnoseVolume } from '../../src/service/diagnose.js';
import { probeMapping } from '../../src/service/mountrules.js';
import type { VolumeProblem, VolumeFacts } from '../../src/service/facts.js';
import { BIN, cli, run } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { PYTHON, testWith } from '../tools/needs.js';

interface Volume {
  readonly problems: VolumeProblem[];
  readonly facts: VolumeFacts;
}

/** Problems of the machine that runs the tests, not of a test's place. */
const OF_THE_MACHINE = [
  'volume-not-mounted',
  'volume-in-memory',
  'network-file-system',
  'volume-low',
  'lock-program-missing',
];

/** The way to root, by sudo or into the container, before a command or around several. */
const AS_ROOT = /^(?:sudo|(?:docker|podman) exec -u 0 --privileged \S+) (?:sh -c '(?=.*'$))?(.*?)'?$/;

async function problemsOf(path: string): Promise<VolumeProblem[]> {
  const { problems } = await diagnoseVolume(path);
  return problems.filter(({ code }) => !OF_THE_MACHINE.includes(code));
}

async function codesOf(path: string): Promise<string[]> {
  return (await problemsOf(path)).map(({ code }) => code);
}

async function database(t: TestContext): Promise<{ folder: string; path: string }> {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'flower.db');
  await copyFile(fixture('amd64.db'), path);
  return { folder, path };
}

/** Diagnoses as a user who is not root. */
async function asUser(uid: number, path: string): Promise<Volume> {
  const script = fixture('../test/tools/diagnoseas.ts');
  const { stdout, stderr } = await run(process.execPath, ['--import', 'tsx', script, String(uid), path]);
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as Volume;
}

/** Runs commands in a private mount namespace, then the doctor on a file. */
async function inMounts(commands: string, path: string): Promise<Volume> {
  const script = `set -e; ${commands}\n'${process.execPath}' '${BIN}' doctor --json '${path}' || true`;
  const { stdout, stderr } = await run('unshare', ['-m', 'sh', '-c', script]);
  assert.notEqual(stdout, '', stderr);
  return (JSON.parse(stdout) as { files: { volume: Volume }[] }).files[0].volume;
}

test('a diagnosis does not touch a sound file', async (t) => {
  const { folder, path } = await database(t);
  const before = await stat(path, { bigint: true });
  assert.deepEqual(await codesOf(path), []);
  const after = await stat(path, { bigint: true });
  assert.deepEqual([after.ino, after.mtimeNs, after.ctimeNs], [before.ino, before.mtimeNs, before.ctimeNs]);
  assert.deepEqual(await readdir(folder), ['flower.db']);
  assert.ok((await readFile(path)).equals(await readFile(fixture('amd64.db'))));
});

test('the diagnosis of a dead path says how far it leads', async (t) => {
  const { folder, path } = await database(t);
  const [missing] = await problemsOf(join(folder, 'a', 'b', 'flower.db'));
  assert.equal(missing.code, 'folder-missing');
  assert.ok(missing.found.includes(`nearest that exists is ${await realpath(folder)}`), missing.found);
  assert.deepEqual(await codesOf(join(folder, 'none.db')), ['file-missing']);
  const [near] = await problemsOf(join(folder, 'flower'));
  assert.match(near.advice, /^gdbm-doctor doctor .*flower\.db {2}#/);
  assert.deepEqual(await codesOf(join(path, 'x')), ['folder-missing']);
  assert.deepEqual(await codesOf(folder), ['path-is-directory']);
  await symlink('nowhere.db', join(folder, 'dangling'));
  assert.deepEqual(await codesOf(join(folder, 'dangling')), ['link-dangling']);
  await symlink('circle', join(folder, 'circle'));
  assert.deepEqual(await codesOf(join(folder, 'circle')), ['link-dangling']);
  await symlink('flower.db', join(folder, 'link'));
  assert.deepEqual(await codesOf(join(folder, 'link')), []);
  assert.deepEqual(await codesOf(join(folder, 'x'.repeat(300))), ['path-not-answering']);
});

test('files of other kinds are identified', async (t) => {
  const folder = await temporaryFolder(t);
  const write = async (name: string, contents: string) => {
    await writeFile(join(folder, name), contents);
    return join(folder, name);
  };
  const sqlite = await problemsOf(await write('lite.db', `SQLite format 3\0${'\0'.repeat(100)}`));
  assert.deepEqual(
    sqlite.map(({ code }) => code),
    ['other-database'],
  );
  assert.match(sqlite[0].found, /SQLite/);
  const index = await write('shelf.dir', "'key', (0, 5)\n");
  const data = await write('shelf.dat', '\x80\x04K\x01.');
  for (const path of [index, data, join(folder, 'shelf')]) {
    const [dumb, ...more] = await problemsOf(path);
    assert.equal(more.length, 0, path);
    assert.match(dumb.found, /dumbdbm|dbm\.dumb/, path);
    assert.match(dumb.advice, /needs no GDBM repair/, path);
  }
  assert.deepEqual(await codesOf(await write('empty.db', '')), ['file-empty']);
});

testWith('flock', 'processes that have the file locked or open are named', async (t) => {
  const { path } = await database(t);
  const handle = await open(path);
  t.after(() => handle.close());
  // This process has the file open itself, which is not reported.
  assert.deepEqual(await codesOf(path), []);
  const child = spawn('flock', ['-x', path, 'sh', '-c', 'echo held; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  // Kill the whole group, because flock leaves its child behind.
  t.after(() => process.kill(-child.pid!));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const held = await problemsOf(path);
  assert.deepEqual(
    held.map(({ code }) => code),
    ['locked-by-process'],
  );
  assert.match(held[0].found, new RegExp(`locked to write by process ${child.pid} \\(flock -x`));

  const { path: other } = await database(t);
  const reader = spawn('sleep', ['60'], { stdio: [(await opened(t, other)).fd, 'ignore', 'ignore'] });
  t.after(() => reader.kill());
  const [open_] = await problemsOf(other);
  assert.equal(open_.code, 'open-in-process');
  assert.match(open_.found, new RegExp(`process ${reader.pid} \\(sleep 60\\)`));
});

testWith('flock', 'a lock that one program took for another belongs to the other', async (t) => {
  const { path } = await database(t);
  // As in a repair, the program that takes the lock ends, and /proc/locks names a dead process.
  const child = spawn('sh', ['-c', 'exec 3<"$0"; flock -x 3; echo held; exec sleep 60', path], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.after(() => child.kill());
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const [held] = await problemsOf(path);
  assert.equal(held.code, 'locked-by-process');
  assert.match(held.found, new RegExp(`process ${child.pid} \\(sleep 60\\)\\.`));
});

async function opened(t: TestContext, path: string) {
  const handle = await open(path);
  t.after(() => handle.close());
  return handle;
}

testWith('chown', 'missing permissions are reported with the command that grants them', async (t) => {
  const { folder, path } = await database(t);
  const root = process.getuid?.() === 0;
  const uid = root ? 12_345 : process.getuid!();
  await chmod(folder, 0o555);
  await chmod(path, 0o444);
  const mends = (volume: Volume) => volume.problems.filter(({ code }) => /writable|readable/.test(code));
  const both = mends(await asUser(uid, path));
  assert.deepEqual(
    both.map(({ code }) => code),
    ['file-not-writable', 'folder-not-writable'],
  );
  const line = root
    ? `chown ${uid}:${uid} ${path} ${folder} && chmod u+rw ${path} && chmod u+rwx ${folder}`
    : `chmod u+rw ${path} && chmod u+rwx ${folder}`;
  for (const { advice } of both) assert.equal(advice.replace(AS_ROOT, '$1'), line);
  // The advice works.
  assert.equal((await run('sh', ['-c', line])).code, 0);
  assert.deepEqual(mends(await asUser(uid, path)), []);
  await chmod(path, 0);
  assert.deepEqual(
    mends(await asUser(uid, path)).map(({ code }) => code),
    ['file-not-readable'],
  );
});

test('a PATH without flock is reported', async (t) => {
  const { path } = await database(t);
  const { stdout } = spawnSync(process.execPath, [BIN, 'doctor', path], { env: { PATH: '/nowhere' } });
  assert.match(stdout.toString(), /warning lock-program-missing\n.*program flock on the PATH, found none/);
});

testWith('python', 'the probe maps a file without changing it', async (t) => {
  const { path } = await database(t);
  const before = await stat(path, { bigint: true });
  assert.equal(await probeMapping(path, 'zfs'), 'allowed');
  assert.equal(await probeMapping(path, 'ext4'), undefined);
  const { mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  assert.deepEqual({ mtimeNs, ctimeNs }, { mtimeNs: before.mtimeNs, ctimeNs: before.ctimeNs });
});

testWith('root', 'a folder without search permission is named', async (t) => {
  const folder = await temporaryFolder(t);
  await chmod(folder, 0o755);
  const closed = join(folder, 'closed');
  await mkdir(join(closed, 'inner'), { recursive: true, mode: 0o755 });
  await chmod(closed, 0o700);
  const { problems } = await asUser(12_345, join(closed, 'inner', 'x.db'));
  assert.equal(problems[0].code, 'path-not-searchable');
  assert.equal(problems[0].advice.replace(AS_ROOT, '$1'), `chmod a+x ${closed}`);
});

testWith('root', 'a file of root in another user’s folder is reported with chown', async (t) => {
  const { folder, path } = await database(t);
  await chown(folder, 4321, 4322);
  const [differs] = await problemsOf(path);
  assert.equal(differs.code, 'owner-differs');
  assert.equal(differs.advice, `chown 4321:4322 ${path}`);
});

testWith(['root', 'mounts'], 'a full volume, and one without inodes, are reported', async (t) => {
  const { folder, path } = await database(t);
  const place = join(folder, 'volume');
  await mkdir(place);
  const full = await inMounts(
    `mount -t tmpfs -o size=64k none '${place}'; cp '${path}' '${place}/x.db'; ` +
      `dd if=/dev/zero of='${place}/fill' bs=4k 2>/dev/null || true`,
    join(place, 'x.db'),
  );
  assert.deepEqual(
    full.problems.map(({ code }) => code),
    ['volume-full', 'volume-in-memory'],
  );
  assert.match(full.problems[0].found, /found 0 bytes of 64\.0 KiB free/);
  assert.equal(full.facts.mount?.line?.mountPoint, place);
  const inodes = await inMounts(
    `mount -t tmpfs -o size=1m,nr_inodes=3 none '${place}'; cp '${path}' '${place}/x.db'; : > '${place}/y'`,
    join(place, 'x.db'),
  );
  assert.deepEqual(
    inodes.problems.map(({ code }) => code),
    ['inodes-exhausted', 'volume-in-memory'],
  );
});

testWith(
  ['root', 'mounts'],
  'a read-only volume, and a file that is mounted by itself, are reported',
  async (t) => {
    const { folder, path } = await database(t);
    // A space is escaped in mountinfo.
    const place = join(folder, 'my volume');
    await mkdir(place);
    const readOnly = await inMounts(
      `mount --bind '${folder}' '${place}'; mount -o remount,bind,ro '${place}'`,
      join(place, 'flower.db'),
    );
    assert.equal(readOnly.problems[0].code, 'volume-read-only');
    assert.match(readOnly.problems[0].advice, /without :ro/);
    const alone = await inMounts(
      `: > '${place}/state.db'; mount --bind '${path}' '${place}/state.db'`,
      join(place, 'state.db'),
    );
    const found = alone.problems.find(({ code }) => code === 'file-mounted-alone');
    assert.ok(found?.advice.includes('mount the folder instead of the file: -v '), found?.advice);
  },
);

testWith(['root', 'mounts'], 'without /proc the unknown facts are listed and are no problem', async (t) => {
  const { path } = await database(t);
  const { problems, facts } = await inMounts('mount -t tmpfs none /proc', path);
  assert.deepEqual(
    problems.filter(({ code }) => !OF_THE_MACHINE.includes(code)),
    [],
  );
  assert.equal(facts.holders, undefined);
  assert.match(facts.unseen.join('\n'), /mount could not be seen[^]*Who holds the file could not be seen/);
});

test('doctor on a healthy file says so and ends with 0', async (t) => {
  const { path } = await database(t);
  const { code, stdout, stderr } = await cli(['doctor', path]);
  assert.match(stdout, /database {5}healthy, 102 records/);
  // On another kind of machine the file is foreign.
  if (process.arch === 'x64') assert.equal(code, 0, stdout + stderr);
  assert.match(stdout.split('\n')[0], /about its place|nothing is wrong with its place/);
});

test('doctor reports a database that its program cannot load, as check does', async (t) => {
  const folder = await temporaryFolder(t);
  const base64 = (...bytes: number[]) => Buffer.from(bytes).toString('base64');
  const one = base64(0x80, 4, 0x4b, 1, 0x2e);
  const cut = base64(0x80, 4, 0x5d);
  const cases = {
    flower: [{ events: cut, counter: one }, 'repair'],
    shelve: [{ a: one, b: one, c: one, d: one, e: cut }, 'snapshots'],
  } as const;
  for (const [name, [records, next]] of Object.entries(cases)) {
    const [dump, path] = [join(folder, `${name}.ndjson`), join(folder, name)];
    const lines = Object.entries(records).map(
      ([key, value]) => `${JSON.stringify({ key: Buffer.from(key).toString('base64'), value })}\n`,
    );
    await writeFile(dump, lines.join(''));
    assert.equal((await cli(['load', dump, path])).code, 0);
    const { code, stdout } = await cli(['doctor', path]);
    assert.equal(code, 1, stdout);
    assert.match(stdout, /database {5}DAMAGED, though libgdbm opens it/);
    assert.match(stdout, new RegExp(`next {9}gdbm-doctor ${next} .*${name}\n$`));
    const checked = await cli(['check', path]);
    assert.equal(checked.code, 1);
    assert.match(checked.stdout, new RegExp(`To do: gdbm-doctor ${next} .*${name}\n`));
  }
});

testWith('flock', 'the advice for a file of another kind of machine works', async (t) => {
  const folder = await temporaryFolder(t);
  for (const name of ['s390x.db', 'i386.db', 'arm64.db', 'amd64.db']) {
    const path = join(folder, name);
    await copyFile(fixture(name), path);
    const [problem] = (await problemsOf(path)).filter(({ code }) => code.startsWith('foreign-'));
    const { stdout } = await cli(['doctor', '--json', path]);
    const { volume } = (JSON.parse(stdout) as { files: { volume: Volume }[] }).files[0];
    const told = volume.problems.find(({ code }) => code.startsWith('foreign-'));
    assert.equal(problem, undefined, 'only a check tells it');
    if (told === undefined) continue;
    const [, command] = /^gdbm-doctor (repair .*?) {2}#/.exec(told.advice)!;
    const made = await cli(command.split(' '));
    assert.equal(made.code, 0, made.stderr);
    const after = await cli(['doctor', '--json', path]);
    assert.doesNotMatch(after.stdout, /"foreign-/);
  }
});

test('doctor lists obstacles before the repair', async (t) => {
  const { folder, path } = await database(t);
  const none = await cli(['doctor', join(folder, 'gone', 'x.db')]);
  assert.equal(none.code, 1);
  assert.match(none.stdout, /error folder-missing/);
  assert.match(none.stdout, /database {5}could not be read/);
  assert.match(none.stdout, /next .*mkdir -p .*gone/);
  assert.equal(none.stderr, '');

  await copyFile(fixture('killed-shelve.db'), path);
  const damaged = await cli(['doctor', path]);
  assert.equal(damaged.code, 1);
  assert.match(damaged.stdout, /DAMAGED, libgdbm says "Database needs recovery"/);
  assert.match(damaged.stdout, /next {9}gdbm-doctor repair .*flower\.db\n$/);
  assert.doesNotMatch(damaged.stdout, /tail-zero|copy-incomplete/);

  await truncate(path, 100_000);
  const { stdout } = await cli(['doctor', '--json', path]);
  const { files } = JSON.parse(stdout) as { files: { verdict: string; next: string; volume: Volume }[] };
  assert.equal(files[0].verdict, 'damaged');
  assert.equal(files[0].volume.problems[0].code, 'copy-incomplete');
  assert.equal(files[0].next, files[0].volume.problems[0].advice);
});

test('doctor on a text file ends with 1 and offers no repair', async (t) => {
  const path = join(await temporaryFolder(t), 'notes.db');
  await writeFile(path, 'hello\n');
  const { code, stdout } = await cli(['doctor', path]);
  assert.equal(code, 1);
  assert.match(stdout, /NOT A GDBM DATABASE/);
  assert.doesNotMatch(stdout, /gdbm-doctor repair/);
});

test('a path cannot control the terminal or break a line', async (t) => {
  const folder = join(await temporaryFolder(t), 'a\nb\x1b[31m \u202e');
  await mkdir(folder);
  for (const name of ['x.db', join('none', 'x.db')]) {
    const { stdout, stderr } = await cli(['doctor', join(folder, name)]);
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(stdout + stderr, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029]/);
    assert.doesNotMatch(stdout, /^b/m);
    assert.match(stdout, /\$'.*a\\x0ab\\x1b/);
  }
});

testWith('python', 'a program that writes without a lock is told from one that reads', async (t) => {
  const { path } = await database(t);
  const script = `import dbm.gnu, sys; d = dbm.gnu.open(sys.argv[1], sys.argv[2]); print('open', flush=True); sys.stdin.read()`;
  for (const [flag, expected] of [
    ['wu', 'writer-without-lock'],
    ['ru', 'open-in-process'],
    ['w', 'locked-by-process'],
  ]) {
    const child = spawn(PYTHON, ['-c', script, path, flag], { stdio: ['pipe', 'pipe', 'inherit'] });
    t.after(() => child.kill());
    await new Promise((resolve) => child.stdout.once('data', resolve));
    assert.deepEqual(await codesOf(path), [expected], flag);
    child.stdin.end();
    await new Promise((resolve) => child.once('exit', resolve));
  }
});

testWith(
  ['python', 'dbdump'],
  "the advice for Debian's dbm.ndbm makes a GDBM file that Python opens by the same name",
  async (t) => {
    const folder = await temporaryFolder(t);
    const path = join(folder, 'a state');
    const bin = join(folder, 'bin');
    await mkdir(bin);
    await symlink(BIN, join(bin, 'gdbm-doctor'));
    const make = `import dbm.ndbm, shelve, sys
with shelve.Shelf(dbm.ndbm.open(sys.argv[1], 'n')) as shelf: shelf['events'] = ['task']`;
    assert.equal((await run(PYTHON, ['-c', make, path])).code, 0);
    for (const name of [path, `${path}.db`]) {
      const [problem, ...more] = await problemsOf(name);
      assert.deepEqual([problem.code, more], ['other-database', []]);
      await rm(path, { force: true });
      const { code, stderr } = await run('sh', ['-c', problem.advice], {
        PATH: `${bin}:${process.env['PATH']}`,
      });
      assert.equal(code, 0, stderr);
      const read = `import dbm, shelve, sys; print(dbm.whichdb(sys.argv[1]), shelve.open(sys.argv[1])['events'])`;
      assert.equal((await run(PYTHON, ['-c', read, path])).stdout, "dbm.gnu ['task']\n");
      await rename(`${path}.db.old`, `${path}.db`);
    }
  },
);
