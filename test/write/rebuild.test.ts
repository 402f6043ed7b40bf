import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import fc from 'fast-check';
import { memorySink } from '../../src/write/sink.js';
import type { CheckResult } from '../../src/check/check.js';
import { checkDatabase } from '../../src/check/check.js';
import { check, openSearched } from '../../src/examine.js';
import type { Database } from '../../src/database/database.js';
import { openDatabase } from '../../src/database/database.js';
import { Lookup } from '../../src/read/lookup.js';
import { bucketElementCount, elementStruct } from '../../src/format/bucket.js';
import { hashKey } from '../../src/format/hash.js';
import { offsetSize } from '../../src/format/format.js';
import { salvagedContents } from '../../src/write/contents.js';
import { verifyFresh, VerifyError, writeFresh } from '../../src/write/write.js';
import type { WriteResult } from '../../src/write/write.js';
import { memorySource } from '../../src/source/source.js';
import type { KeyValue } from '../build/build.js';
import { build, specFor, text } from '../build/build.js';
import { anyFormat, FORMATS } from '../format/formats.js';
import { runs, SWEEP } from '../tools/effort.js';
import { fixture, fixtureRecords } from '../tools/fixtures.js';
import { Random } from '../tools/random.js';
import type { Intact, StoredText } from '../salvage/damage.js';
import { anyDamages, contentsOf, damage, elementAt, intactOf } from '../salvage/damage.js';

const SEED = 20261208;

interface Rebuilt {
  readonly db: Database;
  readonly checked: CheckResult;
  readonly built: WriteResult;
  /** The check of the fresh database that the verification makes. */
  readonly after: CheckResult;
  readonly fresh: Uint8Array;
}

/** Rebuilds and verifies as a repair does; undefined where a repair refuses: there is nothing to rebuild. */
async function rebuildBytes(bytes: Uint8Array): Promise<Rebuilt | undefined> {
  const source = memorySource(bytes);
  const found = bytes.length === 0 ? undefined : await openSearched(source);
  if (found === undefined) return undefined;
  const { db, survey: surveyed } = found;
  const checked = await checkDatabase(db, surveyed);
  const { records } = checked;
  if (records.uncovered === 1 && records.count === 0) return undefined;
  const sink = memorySink();
  const contents = salvagedContents(found, checked);
  const built = await writeFresh(contents, sink);
  const fresh = sink.bytes();
  const { checked: after } = await verifyFresh(contents, built, memorySource(fresh));
  return { db, checked, built, after, fresh };
}

/**
 * Databases of every format. Their records come from a number, not from fast-check: a failure is about the damage,
 * and is found again much sooner where only the damage is made smaller.
 */
const anyDatabase = fc.record({
  format: anyFormat,
  blockSize: fc.constantFrom(512, 512, 1024),
  hashChar: fc.constantFrom('signed' as const, 'unsigned' as const),
  maxValue: fc.constantFrom(8, 100, 700),
  records: fc.nat(90),
  seed: fc.nat(),
});

function randomRecords(random: Random, count: number, maxValue: number): KeyValue[] {
  return Array.from({ length: count }, () => ({
    key: random.bytes(1 + random.below(random.pick([2, 6, 30]))),
    value: random.bytes(random.below(maxValue)),
  }));
}

/** Tells whether a damaged copy differs from the original in a range. */
function isTouched(intact: Intact, damaged: Uint8Array, from: number, length: number): boolean {
  return (
    Buffer.compare(intact.bytes.subarray(from, from + length), damaged.subarray(from, from + length)) !== 0
  );
}

/** Tells whether no byte of a record, or of the structures that point to it, was touched. */
function isWhole(intact: Intact, damaged: Uint8Array, record: StoredText): boolean {
  const { directory, geometry, format } = intact.db;
  const width = offsetSize(format.layout);
  const first = directory.indexOf(record.bucket);
  const last = directory.lastIndexOf(record.bucket);
  return (
    !isTouched(intact, damaged, record.offset, record.keySize + record.dataSize) &&
    !isTouched(intact, damaged, record.bucket, geometry.bucketSize) &&
    !isTouched(intact, damaged, geometry.directory!.offset + first * width, (last - first + 1) * width)
  );
}

/** Tells whether the damaged file is read by the same sizes and places as the original. */
function isReadAlike({ db: { format, geometry } }: Intact, found: Database): boolean {
  const { layout, byteOrder } = found.format;
  const { bucketSize, bucketElements, directory } = found.geometry;
  return (
    layout === format.layout &&
    byteOrder === format.byteOrder &&
    bucketSize === geometry.bucketSize &&
    bucketElements === geometry.bucketElements &&
    directory?.offset === geometry.directory?.offset &&
    directory?.bits === geometry.directory?.bits
  );
}

/** Every record that no damage came near is in the fresh database with its value; gives how many there are. */
function requireWholeRecords(
  intact: Intact,
  damaged: Uint8Array,
  contents: ReadonlyMap<string, string>,
): number {
  const whole = intact.records.filter((record) => isWhole(intact, damaged, record));
  for (const { key, value } of whole) {
    assert.ok(contents.has(key), `key ${JSON.stringify(key)} is lost`);
    assert.equal(contents.get(key), value);
  }
  return whole.length;
}

test('whatever happens to a file, a rebuild gives a sound one, invents nothing and loses nothing that is whole', async () => {
  let rebuilt = 0;
  let readAlike = 0;
  let whole = 0;
  await fc.assert(
    fc.asyncProperty(anyDatabase, anyDamages, async (made, damages) => {
      const { format, blockSize, hashChar } = made;
      const records = randomRecords(new Random(made.seed), made.records, made.maxValue);
      const intact = await intactOf((await build(records, specFor(format, blockSize, 7), hashChar)).bytes);
      const damaged = damage(intact, damages);
      const result = await rebuildBytes(damaged);
      if (result === undefined) return;
      rebuilt++;

      // 1. Sound, by the verification and by a check of its own.
      assert.equal(result.after.verdict, 'healthy');
      const again = await check(memorySource(result.fresh));
      assert.equal(again.verdict, 'healthy');

      // 2. No key that was not there, and no value that differs without a reason.
      const contents = await contentsOf(result.fresh);
      const originals = new Map(intact.records.map((record) => [record.key, record]));
      for (const [key, value] of contents) {
        const original = originals.get(key);
        assert.ok(original, `key ${JSON.stringify(key)} was never stored`);
        if (value === original.value) continue;
        const { offset, keySize, dataSize, bucket, element } = original;
        const { format } = intact.db;
        const size = elementStruct(format.layout).size;
        assert.ok(
          isTouched(intact, damaged, offset + keySize, dataSize) ||
            isTouched(intact, damaged, elementAt(bucket, element, format), size),
          `the value of ${JSON.stringify(key)} changed though neither it nor its element did`,
        );
      }

      // 3. What no damage came near is there.
      if (!isReadAlike(intact, result.db)) return;
      readAlike++;
      whole += requireWholeRecords(intact, damaged, contents);
    }),
    { seed: SEED, numRuns: runs(200) },
  );
  // Damage that leaves nothing would prove nothing.
  const share = SWEEP ? 1 : 1 / 12;
  assert.ok(
    rebuilt > 100 * share && readAlike > 80 * share && whole > 1000 * share,
    `${rebuilt}, ${readAlike}, ${whole}`,
  );
});

test('what is whole in a damaged file of a real machine, with its free space and old copies, comes back', async () => {
  const names = ['amd64', 'i386', 'armhf', 's390x', 'amd64-numsync'];
  const intacts = new Map<string, Intact>();
  for (const name of names) intacts.set(name, await intactOf(await readFile(fixture(`${name}.db`))));
  let whole = 0;
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...names), anyDamages, async (name, damages) => {
      const intact = intacts.get(name)!;
      const damaged = damage(intact, damages);
      const result = await rebuildBytes(damaged);
      if (result === undefined || !isReadAlike(intact, result.db)) return;
      whole += requireWholeRecords(intact, damaged, await contentsOf(result.fresh));
    }),
    { seed: SEED, numRuns: runs(100) },
  );
  assert.ok(whole > (SWEEP ? 3000 : 300), `${whole}`);
});

test('a rebuild of a sound file of any machine holds the same and is of the same kind', async () => {
  const records = await fixtureRecords();
  const names = ['amd64', 'i386', 'arm64', 'armhf', 's390x', 'amd64-numsync', 's390x-numsync'];
  for (const name of names) {
    const bytes = await readFile(fixture(`${name}.db`));
    const result = await rebuildBytes(bytes);
    assert.ok(result, name);
    const contents = [...(await contentsOf(result.fresh))].map(([key, value]): [string, string] => [
      Buffer.from(key, 'latin1').toString('base64'),
      Buffer.from(value, 'latin1').toString('base64'),
    ]);
    assert.deepEqual(contents.sort(), records, name);
    const { format: before } = result.checked;
    const { format: after } = result.after;
    assert.ok(before && after);
    assert.deepEqual(
      [after.layout, after.byteOrder, after.variant, after.hashChar, after.extended?.numsync],
      [before.layout, before.byteOrder, before.variant, before.hashChar, before.extended?.numsync],
      name,
    );
    assert.deepEqual(
      [after.geometry.blockSize, after.geometry.bucketSize],
      [before.geometry.blockSize, before.geometry.bucketSize],
    );
  }
});

test('keys that another kind of machine stored are found after a rebuild, and of two with one key the own one stays', async () => {
  const key = (n: number) => Buffer.from(`schlüssel ${n}`);
  const own = Array.from({ length: 9 }, (_, n) => ({ key: key(n), value: Buffer.from(`own ${n}`) }));
  const foreign = [3, 4, 20, 21].map((n) => ({
    key: key(n),
    // The value of number 4 is the same in both.
    value: Buffer.from(n === 4 ? 'own 4' : `foreign ${n}`),
    hashChar: 'unsigned' as const,
  }));
  for (const records of [
    [...own, ...foreign],
    [...foreign, ...own],
  ]) {
    const { bytes } = await build(records, specFor(FORMATS[0]));
    const result = await rebuildBytes(bytes);
    assert.ok(result);
    assert.equal(result.checked.verdict, 'damaged');
    assert.equal(result.built.duplicates, 2);
    assert.equal(result.after.format?.hashChar, 'signed');
    const expected = new Map(own.map((record) => [text(record.key), text(record.value)]));
    for (const n of [20, 21]) expected.set(text(key(n)), `foreign ${n}`);
    assert.deepEqual(await contentsOf(result.fresh), expected);
  }
});

test('the empty key behind an empty value is told apart from it where another key is there twice', async () => {
  const own = { key: Buffer.from('schlüssel'), value: Buffer.from('own') };
  const foreign = { ...own, value: Buffer.from('foreign'), hashChar: 'unsigned' as const };
  const empty = { key: Buffer.alloc(0), value: Buffer.from('of the empty key') };
  // A record is written where its element's turn comes: one whose element stands just before the empty key's.
  const elements = bucketElementCount(FORMATS[0].layout, 512);
  const place = (hash: number) => (hash + 1) % elements;
  const key = Array.from({ length: 999 }, (_, n) => Buffer.from(`key ${n}`)).find(
    (one) => place(hashKey(one, 'signed')) === hashKey(empty.key, 'signed') % elements,
  )!;
  const valueless = { key, value: Buffer.alloc(0) };
  const { bytes } = await build([own, foreign, valueless, empty], specFor(FORMATS[0]));
  const result = await rebuildBytes(bytes);
  assert.ok(result);
  assert.equal(result.checked.verdict, 'damaged');
  assert.equal(result.built.duplicates, 1);
  const expected = [own, valueless, empty].map((record) => [text(record.key), text(record.value)] as const);
  assert.deepEqual(await contentsOf(result.fresh), new Map(expected));
  const lookup = new Lookup((await openDatabase(memorySource(result.fresh)))!);
  const [before, behind] = [await lookup.find(key), await lookup.find(empty.key)];
  assert.equal(before?.valueOffset, behind?.valueOffset, 'one value begins where the other does');
});

test('one wrong size of a value costs no other record', async () => {
  const records = Array.from({ length: 60 }, (_, n) => ({
    key: Buffer.from(`key ${n}`),
    value: Buffer.alloc(200, n),
  }));
  const intact = await intactOf((await build(records, specFor(FORMATS[0]))).bytes);
  const victim = intact.records.find(({ offset }) => offset < 2000)!;
  const bytes = Uint8Array.from(intact.bytes);
  new DataView(bytes.buffer).setInt32(elementAt(victim.bucket, victim.element, FORMATS[0]) + 20, 8000, true);
  const result = await rebuildBytes(bytes);
  assert.ok(result);
  const contents = await contentsOf(result.fresh);
  for (const { key, value } of intact.records) if (key !== victim.key) assert.equal(contents.get(key), value);
});

test('wrong sizes of keys cost no record whose own size is right', async () => {
  const records = Array.from({ length: 60 }, (_, n) => ({
    key: Buffer.from(`key ${n}`),
    value: Buffer.alloc(200, n),
  }));
  const intact = await intactOf((await build(records, specFor(FORMATS[0]))).bytes);
  const victims = intact.records.filter(({ offset }) => offset < 4000);
  assert.ok(victims.length > 10);
  const bytes = Uint8Array.from(intact.bytes);
  const view = new DataView(bytes.buffer);
  for (const { bucket, element } of victims)
    view.setInt32(elementAt(bucket, element, FORMATS[0]) + 16, 8000, true);
  const result = await rebuildBytes(bytes);
  assert.ok(result);
  const contents = await contentsOf(result.fresh);
  assert.equal(contents.size, intact.records.length - victims.length);
});

test('a fresh file that does not hold what was meant to be in it is not taken', async () => {
  const records = Array.from({ length: 40 }, (_, n) => ({
    key: Buffer.from(`key ${n}`),
    value: Buffer.from(`value ${n}`),
  }));
  // Both with a copy of what lies in order, and record by record.
  for (const isExamined of [true, false]) {
    const writtenOf = async (stored: readonly KeyValue[]) => {
      const found = await openSearched(memorySource((await build(stored, specFor(FORMATS[0]))).bytes));
      assert.ok(found);
      const checked = await checkDatabase(found.db, found.survey);
      const survey = isExamined ? found.survey : { ...found.survey, examination: undefined };
      const contents = salvagedContents({ db: found.db, survey }, checked);
      const sink = memorySink();
      const written = await writeFresh(contents, sink);
      assert.equal(written.copied, isExamined);
      return { contents, written, bytes: sink.bytes() };
    };
    const { contents, written, bytes } = await writtenOf(records);
    const judge = async (stored: readonly KeyValue[]) =>
      (await verifyFresh(contents, written, memorySource((await writtenOf(stored)).bytes))).checked;

    assert.equal((await judge(records)).verdict, 'healthy');
    const changed = records.with(7, { key: records[7].key, value: Buffer.from('valuf 7') });
    const shortened = records.with(7, { key: records[7].key, value: Buffer.from('value ') });
    const renamed = records.with(7, { key: Buffer.from('kez 7'), value: records[7].value });
    const lacking = records.slice(1);
    const added = [...records, { key: Buffer.from('new'), value: Buffer.of(1) }];
    for (const wrong of [changed, shortened, renamed, lacking, added])
      await assert.rejects(judge(wrong), VerifyError);

    const unsound = Uint8Array.from(bytes);
    unsound[4] = 77;
    await assert.rejects(verifyFresh(contents, written, memorySource(unsound)), VerifyError);
  }
});
