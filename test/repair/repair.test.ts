import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFile, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '../../src/database/database.js';
import { readRecords } from '../../src/read/records.js';
import type { RepairResult } from '../../src/repair/result.js';
import { repair } from '../../src/repair.js';
import { recordsText } from '../../src/report/sentences.js';
import { memorySource } from '../../src/source/source.js';
import { BIN, cli, run } from '../tools/cli.js';
import { fixture, fixtureRecords } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { PYTHON, testWith } from '../tools/needs.js';

/** The places of structures in a little-endian file with 64-bit offsets and blocks of 512 bytes. */
class Layout {
  readonly directory: number;
  readonly slots: number;

  constructor(readonly bytes: Buffer) {
    this.directory = Number(bytes.readBigInt64LE(8));
    this.slots = bytes.readInt32LE(16) / 8;
  }

  /** File offsets of the buckets, in order of their slots. */
  buckets(): number[] {
    const all = Array.from({ length: this.slots }, (_, i) =>
      Number(this.bytes.readBigInt64LE(this.directory + 8 * i)),
    );
    return [...new Set(all)];
  }

  /** File offsets of a bucket's elements in use. */
  elements(bucket: number): number[] {
    const all = Array.from({ length: 16 }, (_, i) => bucket + 112 + 24 * i);
    return all.filter((at) => this.bytes.readInt32LE(at) !== -1);
  }
}

/** Damages a copy of a fixture and repairs it into a file beside it. */
async function repaired(
  t: TestContext,
  damage: (bytes: Buffer, layout: Layout) => void,
): Promise<{ result: RepairResult; held: [string, string][] }> {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'state.db');
  const bytes = await readFile(fixture('amd64.db'));
  damage(bytes, new Layout(bytes));
  await writeFile(path, bytes);
  const output = join(folder, 'fixed.db');
  const result = await repair(path, { output, lock: false });
  if (result.action !== 'repaired') return { result, held: [] };
  const db = await openDatabase(memorySource(await readFile(output)));
  const held: [string, string][] = [];
  for await (const { key, readValue } of readRecords(db!)) {
    held.push([text(key), text(await readValue())]);
  }
  return { result, held: held.sort() };
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

test('a few absurd key sizes do not keep the other records from being checked', async (t) => {
  const { result, held } = await repaired(t, (bytes, layout) => {
    for (const at of layout.elements(layout.buckets()[0]).slice(0, 3)) {
      bytes.writeBigInt64LE(512n, at + 8);
      bytes.writeInt32LE(Math.floor(bytes.length * 0.9), at + 16);
      bytes.writeInt32LE(0, at + 20);
    }
  });
  assert.equal(result.lost.records, 3);
  assert.equal(held.length, 99);
});

test('a record whose size reaches over others is left out, and the others are kept', async (t) => {
  const { result, held } = await repaired(t, (bytes, layout) => {
    const all = layout.buckets().flatMap((bucket) => layout.elements(bucket));
    const first = all.reduce((a, b) => (bytes.readBigInt64LE(a + 8) < bytes.readBigInt64LE(b + 8) ? a : b));
    const start = Number(bytes.readBigInt64LE(first + 8));
    bytes.writeInt32LE(bytes.length - start - bytes.readInt32LE(first + 16), first + 20);
  });
  assert.deepEqual(result.lost.reasons, { overreaching: 1 });
  // Else a check would seem to tell of one more than a repair keeps.
  assert.match(
    recordsText(result.before),
    /^102 in \d+ buckets, 1 with a size that reaches into other data$/,
  );
  assert.equal(held.length, 101);
  const intact = await fixtureRecords();
  for (const record of held)
    assert.ok(intact.some(([key, value]) => key === record[0] && value === record[1]));
});

for (const byte of [0x00, 0xff]) {
  test(`a bucket wiped with ${byte} is said to be gone, and its records are estimated`, async (t) => {
    let wiped = 0;
    const { result, held } = await repaired(t, (bytes, layout) => {
      const bucket = layout.buckets()[3];
      wiped = layout.elements(bucket).length;
      bytes.fill(byte, bucket, bucket + 512);
    });
    // Records of the bucket from before its split come back, too.
    assert.equal(held.length, 102 - wiped + result.olderState);
    assert.ok(result.olderState <= wiped);
    assert.equal(result.lost.uncovered, 1 / 8);
    assert.ok(Math.abs(result.lost.estimated! - wiped) <= 3, `${result.lost.estimated} instead of ${wiped}`);
  });
}

test('a directory of which little is left is used as it is, and the other buckets are found', async (t) => {
  const { result, held } = await repaired(t, (bytes, layout) => {
    const kept = layout.buckets()[5];
    for (let slot = 0; slot < layout.slots; slot++) {
      const at = layout.directory + 8 * slot;
      if (Number(bytes.readBigInt64LE(at)) !== kept) bytes.fill(0, at, at + 8);
    }
  });
  assert.equal(held.length, 102);
  assert.equal(result.lost.uncovered, 0);
  assert.equal(result.lost.records, 0);
});

test('a file of which only an empty bucket is left is refused, not emptied', async (t) => {
  const { result } = await repaired(t, (bytes, layout) => {
    const kept = layout.buckets()[0];
    for (const at of layout.elements(kept)) bytes.writeInt32LE(-1, at);
    bytes.writeInt32LE(0, kept + 108);
    const empty = bytes.subarray(kept, kept + 512);
    const rest = Buffer.alloc(bytes.length - 512);
    bytes.copy(rest, layout.directory - 512, layout.directory, layout.directory + 8 * layout.slots);
    empty.copy(rest, kept - 512);
    rest.copy(bytes, 512);
    for (let slot = 0; slot < layout.slots; slot++) {
      const at = layout.directory + 8 * slot;
      if (Number(bytes.readBigInt64LE(at)) !== kept) bytes.fill(0, at, at + 8);
    }
  });
  assert.equal(result.action, 'refused');
  assert.match(result.reason ?? '', /No record can be reached/);
});

test('an empty part of another kind of database is not made a GDBM database', async (t) => {
  for (const name of ['classic.pag', 'classic.dir', 'dumb.dat']) {
    const path = join(await temporaryFolder(t), name);
    await writeFile(path, '');
    assert.equal((await repair(path, { lock: false })).action, 'refused');
    assert.equal((await stat(path)).size, 0);
  }
});

testWith(['python', 'flock'], 'a file that two kinds of machine wrote to has each key once', async (t) => {
  const path = join(await temporaryFolder(t), 'moved.db');
  await copyFile(fixture('arm64.db'), path);
  // On amd64 lookups do not find the keys that arm64 stored, so the program stores them again.
  const again = `
import base64, dbm.gnu, json, sys
db = dbm.gnu.open(sys.argv[1], "w")
for line in open(sys.argv[2]):
    record = json.loads(line)
    key = base64.b64decode(record["key"])
    if not key.isascii():
        assert key not in db
        db[key] = b"newer" if key.endswith(b"7") else base64.b64decode(record["value"])
db.close()`;
  const stored = await run(PYTHON, ['-c', again, path, fixture('records.ndjson')]);
  assert.equal(stored.code, 0, stored.stderr);
  const result = await repair(path);
  assert.equal(result.action, 'repaired');
  assert.equal(result.kept, 102);
  assert.equal((await cli(['check', '--for', 'amd64', path])).code, 0);
});

testWith(
  'flock',
  'a file that another program puts under the name during the repair stays there',
  async (t) => {
    const folder = await temporaryFolder(t);
    const path = join(folder, 'state.db');
    await copyFile(fixture('killed-shelve.db'), path);
    await writeFile(`${path}.~1~`, 'an earlier backup');
    for (const other of ['another file', undefined]) {
      const repairing = repair(path);
      // The repair's own file shows that it has read the source.
      while (!(await readdir(folder)).some((name) => name.endsWith('.tmp'))) await sleep(1);
      if (other === undefined) await rm(path);
      else {
        await writeFile(join(folder, 'other'), other);
        await rename(join(folder, 'other'), path);
      }
      await assert.rejects(repairing, /another program put another file under its name/);
      assert.equal(await readFile(`${path}.~1~`, 'utf8'), 'an earlier backup');
      if (other !== undefined) assert.equal(await readFile(path, 'utf8'), other);
      assert.deepEqual(
        (await readdir(folder)).filter((name) => name.endsWith('.tmp')),
        [],
      );
      await copyFile(fixture('killed-shelve.db'), path);
    }
  },
);

testWith('flock', 'what the holder wrote while it was waited for is part of the repair', async (t) => {
  const path = join(await temporaryFolder(t), 'state.db');
  await copyFile(fixture('killed-shelve.db'), path);
  const holder = spawn('flock', ['-x', path, 'sh', '-c', `echo held; sleep 1; printf more >> ${path}`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  const before = await stat(path);
  const { code, stderr } = await cli(['repair', '--wait', '30', path]);
  assert.equal(code, 0, stderr);
  assert.equal((await stat(`${path}.~1~`)).size, before.size + 4);
});

testWith(
  ['python', 'flock', 'mounts'],
  'a signal during a replacement in place does not end it half-way',
  async (t) => {
    const folder = await temporaryFolder(t);
    // Large enough that the replacement takes a while.
    const make = `
import dbm.gnu, sys
db = dbm.gnu.open(sys.argv[1], "n")
for i in range(24): db[f"key {i}"] = b"x" * 4_000_000
db.close()
open(sys.argv[1], "ab").write(b"damage")`;
    const path = join(folder, 'large.db');
    assert.equal((await run(PYTHON, ['-c', make, path])).code, 0);
    const mounted = join(folder, 'mounted.db');
    await writeFile(mounted, '');
    const script = `
    mount --bind ${path} ${mounted}
    ${process.execPath} ${BIN} repair ${mounted} > ${folder}/out 2>&1 &
    while [ ! -e ${mounted}.~1~ ] || [ "$(stat -c %s ${mounted}.~1~)" != "$(stat -c %s ${path})" ]; do sleep 0.05; done
    kill -TERM $!; wait $!; echo "code $?"
    ${process.execPath} ${BIN} check ${mounted} > /dev/null; echo "check $?"
    cmp -s ${mounted} ${mounted}.~1~ && echo same`;
    const { stdout } = await run('unshare', ['-m', 'sh', '-c', script]);
    const said = await readFile(join(folder, 'out'), 'utf8');
    // Either it was not begun, and the file is as it was; or it was brought to its end.
    assert.ok(stdout === 'code 143\ncheck 1\nsame\n' || stdout === 'code 0\ncheck 0\n', `${stdout}${said}`);
  },
);

test('options that mean nothing are refused before anything is done', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'state.db');
  await copyFile(fixture('killed-shelve.db'), path);
  for (const wrong of [
    { profile: 'bogus' },
    { include: ['bogus'] },
    { maxLoss: {} },
    { maxLoss: { records: NaN } },
    { maxLoss: { share: 2 } },
    { maxLoss: { share: -1 } },
    { wait: NaN },
  ]) {
    await assert.rejects(
      repair(path, { ...(wrong as object), lock: false }),
      RangeError,
      JSON.stringify(wrong),
    );
  }
  assert.deepEqual(await readdir(folder), ['state.db']);
  assert.equal((await repair(path, { maxLoss: { share: 0.5 }, lock: false })).action, 'repaired');
});
