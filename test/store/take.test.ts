import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { ftruncateSync, readdirSync, statSync, writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { basename, join } from 'node:path';
import test from 'node:test';
import { RefusedError } from '../../src/store/errors.js';
import { encodeName } from '../../src/store/snapshot.js';
import { listSnapshots } from '../../src/store/folder.js';
import { takeSnapshot } from '../../src/store/take.js';
import { run } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';
import { change, inProcess, leftovers, refusedWith, soundFile, take } from './snap.js';

test('a snapshot holds the checked bytes, private, in a private folder beside the file', async (t) => {
  const { path, store } = await soundFile(t);
  await chmod(path, 0o644);
  const { taken, removed, why } = await take(path);
  assert.ok(taken !== undefined);
  const bytes = await readFile(path);
  assert.ok((await readFile(taken.path)).equals(bytes));
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
  assert.deepEqual(
    [taken.hash, taken.records, taken.poor, taken.bytes, removed, why],
    [hash, 102, false, bytes.length, [], `Kept as ${taken.id}.`],
  );
  assert.ok(Math.abs(Date.now() - taken.time.getTime()) < 60_000);
  assert.equal(taken.path, join(store, encodeName(taken)));
  assert.equal((await stat(taken.path)).mode & 0o777, 0o600);
  assert.equal((await stat(store)).mode & 0o777, 0o700);
  assert.deepEqual(await readdir(store), [basename(taken.path)]);
});

test('the same bytes are not kept twice, unless the copy is damaged', async (t) => {
  const { path } = await soundFile(t);
  const first = (await take(path)).taken!;
  const again = await take(path);
  assert.equal(again.taken, undefined);
  assert.equal(again.why, `Nothing new since ${first.id}.`);
  await change(first.path, 7);
  const third = (await take(path)).taken;
  assert.equal(third?.hash, first.hash);
  assert.ok(third.time > first.time);
});

test('earlier contents are kept again after other ones', async (t) => {
  const { path } = await soundFile(t);
  for (const mark of [1, 2, 1]) {
    await change(path, mark);
    assert.ok((await take(path)).taken !== undefined);
  }
  const { snapshots } = await listSnapshots(path);
  assert.equal(snapshots[0].hash, snapshots[2].hash);
});

test('only the newest stay; an emptied database is marked as poor and pushes nothing out', async (t) => {
  const { path } = await soundFile(t);
  for (let mark = 1; mark <= 5; mark++) {
    await change(path, mark);
    const { removed } = await take(path, { keep: 3 });
    assert.equal(removed.length, mark > 3 ? 1 : 0);
  }
  const good = (await listSnapshots(path)).snapshots.map(({ id }) => id);
  for (let mark = 6; mark <= 12; mark++) {
    await change(path, mark);
    const { taken, why } = await take(path, { keep: 3, records: 0 });
    assert.equal(taken?.poor, true);
    assert.match(why, /^Kept apart as .*no record any more; the newest good snapshot has 102/);
  }
  const { snapshots } = await listSnapshots(path);
  assert.deepEqual(
    snapshots.filter(({ poor }) => !poor).map(({ id }) => id),
    good,
  );
  assert.equal(snapshots.length, 6);
  assert.ok(snapshots.every(({ poor, path: name }) => poor === name.endsWith('.poor.db')));
  // A good snapshot is compared with the good ones only.
  await change(path, 5);
  assert.match((await take(path)).why, /Nothing new since/);
});

test('a database that the caller calls poor is marked as poor', async (t) => {
  const { path } = await soundFile(t);
  const { taken, why } = await take(path, { poor: 'the key events is gone' });
  assert.equal(taken?.poor, true);
  assert.match(why, /the key events is gone/);
});

test('a clock that was set back does not make the new one the oldest', async (t) => {
  const { path, store } = await soundFile(t);
  await mkdir(store);
  const future = { time: new Date('2090-01-01T00:00:00Z'), hash: 'a'.repeat(12), records: 1, poor: false };
  await writeFile(join(store, encodeName(future)), 'x');
  const { taken, removed } = await take(path, { keep: 1 });
  assert.equal(taken?.time.toISOString(), '2090-01-01T00:00:01.000Z');
  assert.deepEqual(
    removed.map(({ hash }) => hash),
    [future.hash],
  );
});

test('other files and links are ignored', async (t) => {
  const { folder, path, store } = await soundFile(t);
  await mkdir(store);
  const target = join(folder, 'precious');
  await writeFile(target, 'precious');
  const old = (n: number) =>
    encodeName({ time: new Date(n * 1000), hash: 'b'.repeat(12), records: n, poor: false });
  await symlink(target, join(store, old(1)));
  await mkdir(join(store, old(2)));
  const others = ['notes.txt', `${old(3)}.bak`, '.gdbm-doctor-x.tmp', '.gdbm-doctor-0123456789ab.tmp.txt'];
  for (const name of others) await writeFile(join(store, name), name);
  const { taken, removed } = await take(path, { keep: 1 });
  await change(path, 1);
  assert.equal((await take(path, { keep: 1 })).removed[0].path, taken!.path);
  assert.deepEqual(removed, []);
  const names = await readdir(store);
  for (const name of [...others, old(1), old(2)]) assert.ok(names.includes(name), name);
  assert.equal((await listSnapshots(path)).snapshots.length, 1);
  assert.equal(await readFile(target, 'utf8'), 'precious');
});

test('a folder that is a link, or a file, is refused', async (t) => {
  const { folder, path, store } = await soundFile(t);
  const elsewhere = join(folder, 'elsewhere');
  await mkdir(elsewhere);
  await symlink(elsewhere, store);
  assert.match((await refusedWith('not-a-file', take(path))).message, /found a symbolic link/);
  await refusedWith('not-a-file', listSnapshots(path));
  assert.deepEqual(await readdir(elsewhere), []);
  await rm(store);
  await writeFile(store, '');
  await refusedWith('not-a-file', take(path));
});

test('a named folder serves one database only', async (t) => {
  const { folder, path } = await soundFile(t);
  const dir = join(folder, 'kept');
  const first = (await take(path, { dir })).taken!;
  assert.equal(join(first.path, '..'), dir);
  const other = join(folder, 'beat.db');
  await copyFile(fixture('arm64.db'), other);
  const { message } = await refusedWith('exists', take(other, { dir }));
  assert.match(message, /the snapshots of .*beat\.db, found those of .*flower\.db/);
  assert.equal((await take(path, { dir })).taken, undefined);
  assert.match(
    (await refusedWith('no-such-file', take(path, { dir: join(folder, 'none', 'kept') }))).message,
    /Make it, or name another folder/,
  );
});

test('snapshots of a linked database lie beside the file, not beside the link', async (t) => {
  const { path, store } = await soundFile(t);
  const link = join(await temporaryFolder(t), 'state.db');
  await symlink(path, link);
  assert.equal(join((await take(link)).taken!.path, '..'), store);
  assert.equal((await listSnapshots(link)).snapshots.length, 1);
});

test('no snapshot is taken of a file that changed since the check', async (t) => {
  const { path, store } = await soundFile(t);
  const changes: Record<string, () => Promise<void>> = {
    'written to': () => change(path, 3),
    grown: () => writeFile(path, 'more', { flag: 'a' }),
    cut: () => truncate(path, 5000),
    emptied: () => truncate(path, 0),
  };
  for (const [what, make] of Object.entries(changes)) {
    await copyFile(fixture('amd64.db'), path);
    const handle = await open(path);
    const stats = await handle.stat();
    await make();
    await refusedWith('changed', takeSnapshot(path, { handle, stats, records: 102 }));
    await handle.close();
    assert.deepEqual(await readdir(store), [], what);
  }
});

/** A handle that calls a function at the first `stat` after `due`, and hides that the file's time changed. */
function sly(handle: FileHandle, stats: Stats, due: () => boolean, act: () => void): FileHandle {
  let done = false;
  return new Proxy(handle, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (name !== 'stat') return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      return async () => {
        const now = await target.stat();
        if (!done && due()) {
          done = true;
          act();
        }
        return Object.assign(now, { mtimeMs: stats.mtimeMs });
      };
    },
  });
}

test('no snapshot is taken of a file that changes during the copy without changing its time', async (t) => {
  const { path, store } = await soundFile(t);
  const handle = await open(path, 'r+');
  t.after(() => handle.close());
  const stats = await handle.stat();
  const copied = () =>
    readdirSync(store).some(
      (name) => name.endsWith('.tmp') && statSync(join(store, name)).size === stats.size,
    );
  const write = () => writeSync(handle.fd, Buffer.from([99, 98]), 0, 2, stats.size - 2);
  const judged = { handle: sly(handle, stats, copied, write), stats, records: 102 };
  await refusedWith('changed', takeSnapshot(path, judged));
  assert.deepEqual(await readdir(store), []);
});

test('no snapshot is taken of a file that shrinks during the copy', async (t) => {
  const { path, store } = await soundFile(t);
  const handle = await open(path, 'r+');
  t.after(() => handle.close());
  const stats = await handle.stat();
  const cut = () => ftruncateSync(handle.fd, 5000);
  const judged = { handle: sly(handle, stats, () => true, cut), stats, records: 102 };
  await refusedWith('changed', takeSnapshot(path, judged));
  assert.deepEqual(await readdir(store), []);
});

test('leftovers of a crash are removed by the next run; without a lock only old ones', async (t) => {
  const { path, store } = await soundFile(t);
  await mkdir(store);
  const left = join(store, '.gdbm-doctor-0123456789ab.tmp');
  await writeFile(left, 'half of it');
  await utimes(left, new Date(), new Date(Date.now() - 2 * 60 * 60 * 1000));
  await take(path);
  assert.deepEqual(await leftovers(store), []);
  const young = join(store, '.gdbm-doctor-ba9876543210.tmp');
  await writeFile(young, 'another one’s');
  const search = process.env['PATH'];
  process.env['PATH'] = '';
  try {
    await take(path);
  } finally {
    process.env['PATH'] = search;
  }
  assert.ok((await lstat(young)).isFile());
});

testWith('flock', 'with a lock, leftovers of a crash are removed at once', async (t) => {
  const { path, store } = await soundFile(t);
  await mkdir(store);
  await writeFile(join(store, '.gdbm-doctor-ba9876543210.tmp'), 'half of it');
  await take(path);
  assert.deepEqual(await leftovers(store), []);
});

test('concurrent runs keep one whole snapshot', async (t) => {
  const { path, store } = await soundFile(t);
  const all = await Promise.all(Array.from({ length: 5 }, () => take(path).catch((error: unknown) => error)));
  for (const one of all) {
    // Without locks the other process may have taken the name.
    if (one instanceof Error) assert.ok(one instanceof RefusedError && one.code === 'exists', String(one));
  }
  const { snapshots } = await listSnapshots(path, { verify: true });
  assert.ok(snapshots.length > 0 && snapshots.every(({ intact }) => intact === true));
  assert.equal(new Set(snapshots.map(({ hash }) => hash)).size, 1);
  assert.deepEqual(await leftovers(store), []);
});

test('an abort leaves nothing behind', async (t) => {
  const { path, store } = await soundFile(t);
  await assert.rejects(take(path, { signal: AbortSignal.abort() }), { name: 'AbortError' });
  assert.deepEqual(await readdir(store).catch(() => []), []);
});

test('keeping no snapshots is refused', async (t) => {
  const { path } = await soundFile(t);
  for (const keep of [0, -1, 1.5, NaN]) await assert.rejects(take(path, { keep }), RangeError);
});

testWith(
  'mounts',
  'a full volume is reported, the old snapshots stay, and the program continues',
  async (t) => {
    const folder = await temporaryFolder(t);
    const { path } = await soundFile(t);
    const size = (await stat(path)).size;
    const [node, ...args] = inProcess(join(folder, 'flower.db'));
    const script = `
    mount -t tmpfs -o size=${Math.ceil((size * 2.5) / 4096) * 4}k none ${folder} && cp ${path} ${folder}/flower.db
    "$0" "$@" > /dev/null; echo "code $?"
    printf x | dd of=${folder}/flower.db bs=1 seek=${size - 1} conv=notrunc 2> /dev/null
    "$0" "$@"; echo "code $?"
    ls ${folder}/.flower.db.snapshots | wc -l; ls -A ${folder}/.flower.db.snapshots | wc -l`;
    const { stdout, stderr } = await run('unshare', ['-m', 'sh', '-c', script, node, ...args]);
    assert.match(stderr, /^no-space .*no space left for a snapshot\. Those that are there stay/);
    assert.match(stdout, /^code 0\nwent on\ncode 2\n\s*1\n\s*1\n$/);
  },
);

testWith('mounts', 'a read-only volume is reported, and the program continues', async (t) => {
  const { folder, path } = await soundFile(t);
  const [node, ...args] = inProcess(path);
  const script = `mount --bind ${folder} ${folder} && mount -o remount,ro,bind ${folder}
    "$0" "$@"; echo "code $?"`;
  const { stdout, stderr } = await run('unshare', ['-m', 'sh', '-c', script, node, ...args]);
  assert.match(stderr, /^read-only .*name another folder with --snapshots DIR/);
  assert.equal(stdout, 'went on\ncode 2\n');
});

testWith(['flock', 'root'], 'a folder of another user is reported', async (t) => {
  const { folder, path } = await soundFile(t);
  await chmod(folder, 0o755);
  await chmod(path, 0o644);
  const user = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const { stdout, stderr } = await run('setpriv', [...user, ...inProcess(path)]);
  assert.match(stderr, /^no-permission .*no permission to keep a snapshot there/);
  assert.equal(stdout, 'went on\n');
});

test('bytes that were kept apart are no good state for a day', async (t) => {
  const { path } = await soundFile(t);
  const start = Date.UTC(2026, 10, 24);
  const hour = 3_600_000;
  await take(path, { now: () => start, poor: 'a repair lost 50 records' });
  assert.equal((await take(path, { now: () => start + hour })).taken, undefined);
  await change(path, 1);
  assert.equal((await take(path, { now: () => start + 2 * hour })).taken?.poor, false);
  const { path: other } = await soundFile(t);
  await take(other, { now: () => start, poor: 'a repair lost 50 records' });
  assert.equal((await take(other, { now: () => start + 25 * hour })).taken?.poor, false);
});
