import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import fc from 'fast-check';
import type { CheckResult } from '../../src/check/check.js';
import { checkDatabase, checkExamined } from '../../src/check/check.js';
import { examineInOrder } from '../../src/check/examination.js';
import { openProved, openSearched } from '../../src/examine.js';
import type { Format } from '../../src/format/format.js';
import { describeFormat, offsetSize } from '../../src/format/format.js';
import type { Header } from '../../src/format/header.js';
import { decodeHeader } from '../../src/format/header.js';
import { viewOf, writeOffset } from '../../src/format/struct.js';
import { memorySource } from '../../src/source/source.js';
import { build, specFor } from '../build/build.js';
import { FORMATS } from '../format/formats.js';
import { runs, sample } from '../tools/effort.js';
import type { Step } from '../tools/libgdbm.js';
import { MiniGdbm } from '../tools/minigdbm.js';
import { fixture } from '../tools/fixtures.js';
import { formats, miniDatabase } from '../torture/databases.js';

/*
 * A proof says the same as the examination of each element, and never that all is in order where it is not.
 */

const SEED = 20261124;
const databases = [...formats('standard'), ...formats('numsync'), ...formats('old')].map((format) =>
  miniDatabase(format, { blockSize: 512, seed: SEED, records: 150, maxValue: 120 }),
);

/** The part of a result on which both must agree. */
function comparable({ space, doubtful, findings, ...rest }: CheckResult) {
  const { bytes, overlapCount, gaps } = space!;
  return {
    ...rest,
    doubtful: doubtful!.counts,
    bytes,
    overlapCount,
    gaps,
    findings: findings.map(({ code, offset, found }) => [code, offset, found]),
  };
}

async function examined(bytes: Uint8Array): Promise<CheckResult> {
  const found = await openSearched(memorySource(bytes));
  return checkDatabase(found!.db, found!.survey);
}

test('an intact database of every format is proved, and the proof says what the examination says', async () => {
  for (const { bytes, name } of databases) {
    const proved = await openProved(memorySource(bytes));
    assert.ok(proved, name);
    assert.deepEqual(comparable(proved.checked), comparable(await examined(bytes)), name);
  }
});

test('the files of real machines are proved', async () => {
  for (const name of ['amd64', 'amd64-numsync', 'i386', 'arm64', 'armhf', 's390x', 's390x-numsync']) {
    const bytes = await readFile(fixture(`${name}.db`));
    const proved = await openProved(memorySource(bytes));
    assert.ok(proved, name);
    assert.deepEqual(comparable(proved.checked), comparable(await examined(bytes)), name);
  }
});

test('a file whose header is lost is proved by its directory, and the proof says what the examination says', async () => {
  let proofs = 0;
  for (const { bytes, name } of databases) {
    for (const fill of [0, 0xa5]) {
      const lost = Uint8Array.from(bytes).fill(fill, 0, 512);
      const proved = await openProved(memorySource(lost));
      if (proved === undefined) continue;
      proofs++;
      const said = comparable(proved.checked);
      assert.deepEqual(said, comparable(await examined(lost)), `${name} ${fill}`);
      assert.equal(said.records.count, (await openProved(memorySource(bytes)))!.checked.records.count);
      assert.equal(said.verdict, 'damaged');
    }
  }
  assert.ok(proofs > databases.length, `${proofs} proofs`);
});

/** Records of a block each. Free when a bucket splits, they are what its halves overwrite, and the old state stays. */
const SPARE: Step[] = Array.from({ length: 8 }, (_, n) => [
  'store',
  Buffer.from(`spare ${n}`),
  Buffer.alloc(512 - 7),
]);

const stepFor = (n: number): Step => ['store', Buffer.from(`key ${n}`), Buffer.from(`value ${n}`)];

/** States of a database just after its directory doubled, how many records each has and where the directory is. */
function* doublings(format: Format): Generator<{ bytes: Uint8Array; stored: number; header: Header }> {
  const make = () => new MiniGdbm({ format, blockSize: 512 }).run(SPARE);
  const headerOf = (bytes: Uint8Array) => decodeHeader(bytes, format.layout, format.byteOrder);
  const db = make();
  for (let n = 0, bits = headerOf(db.bytes()).dir_bits; n < 1300; n++) {
    const now = headerOf(db.run([stepFor(n)]).bytes()).dir_bits;
    if (now === bits) continue;
    bits = now;
    const again = make().run(Array.from({ length: n }, (_, i) => stepFor(i)));
    again.run(SPARE.map(([, key]): Step => ['delete', key!]));
    const bytes = again.run([stepFor(n)]).bytes();
    if (headerOf(bytes).dir_bits === bits) yield { bytes, stored: n + 1, header: headerOf(bytes) };
  }
}

test('with its header lost, a state from before the directory doubled is not proved to be the database', async () => {
  let trials = 0;
  let proofs = 0;
  const some = sample(FORMATS, 4);
  for (const format of some) {
    for (const { bytes, stored, header } of doublings(format)) {
      const lost = Uint8Array.from(bytes).fill(0, 0, 64);
      const proved = await openProved(memorySource(lost));
      const said = `${describeFormat(format)} ${stored}`;
      if (proved) assert.equal(proved.checked.records.count, stored, said);
      assert.equal((await examined(lost)).records.count, stored, said);
      trials++;
      if (proved) proofs++;
      // Only the old directory is left, with the buckets of then: each byte in order.
      lost.fill(0xa5, header.dir, header.dir + header.dir_size);
      const old = await openProved(memorySource(lost));
      if (old) assert.equal(old.checked.records.count, stored, said);
      assert.equal((await examined(lost)).records.count, stored, said);
    }
  }
  assert.ok(trials >= some.length && proofs > trials / 2, `${proofs} of ${trials} were proved`);
});

test('with an entry of the directory wrong, too, nothing is proved of a file whose header is lost', async () => {
  for (const { bytes, name } of databases) {
    const { geometry, directory, format } = (await openProved(memorySource(bytes)))!.db;
    const { offset } = geometry.directory!;
    const width = offsetSize(format.layout);
    for (const slot of [0, directory.length >> 1, directory.length - 1]) {
      const lost = Uint8Array.from(bytes).fill(0xa5, 0, 512);
      const other = directory.find((entry) => entry !== directory[slot])!;
      writeOffset(viewOf(lost), offset + slot * width, other, format.layout, format.byteOrder === 'little');
      assert.equal(await openProved(memorySource(lost)), undefined, `${name} ${slot}`);
    }
  }
});

test('whatever is damaged, a proof says what the examination of each element says', async () => {
  let proofs = 0;
  let trials = 0;
  const anyChange = fc.record({
    // Headers, tables and buckets are a small part of a file, and most of what can be wrong.
    at: fc.oneof(fc.nat(2000), fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })),
    value: fc.oneof(fc.nat(255), fc.constantFrom(0, 0xff)),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.nat(databases.length - 1),
      fc.array(anyChange, { minLength: 1, maxLength: 3 }),
      async (n, changes) => {
        const bytes = Uint8Array.from(databases[n].bytes);
        for (const { at, value } of changes) bytes[at < 1 ? Math.floor(at * bytes.length) : at] = value;
        trials++;
        const proved = await openProved(memorySource(bytes));
        if (proved === undefined) return;
        proofs++;
        assert.deepEqual(comparable(proved.checked), comparable(await examined(bytes)));
      },
    ),
    { seed: SEED, numRuns: runs(1500) },
  );
  assert.ok(proofs > trials / 10, `${proofs} of ${trials} were proved`);
  assert.ok(proofs < trials, 'some were not');
});

test('elements made wrong are never proved: pointer, sizes, hash, key, a key that is there twice', async () => {
  for (const intact of sample(databases, 4)) {
    for (const { element, bytes: record } of sample([...intact.records.values()].slice(0, 20), 8)) {
      for (const offset of [0, 4, 8, 11, 12, 16, 20]) {
        const bytes = Uint8Array.from(intact.bytes);
        bytes[element.at + offset] ^= 1;
        const proved = await openProved(memorySource(bytes));
        // Past a short key's end key_start may hold anything.
        const said = proved && comparable(proved.checked);
        if (said) assert.deepEqual(said, comparable(await examined(bytes)), `${intact.name} ${offset}`);
        const isPadding = offset === 4 && said !== undefined && record.length < 4;
        assert.ok(
          said === undefined ||
            isPadding ||
            said.verdict !== 'healthy' ||
            (await examined(bytes)).verdict === 'healthy',
        );
      }
    }
  }
});

test('a key that is there twice is no proof, however large the file', async () => {
  const records = Array.from({ length: 400 }, (_, n) => ({
    key: Buffer.from(`key ${n}`),
    value: Buffer.from(`value ${n}`),
  }));
  for (const format of sample(FORMATS, 4, 1)) {
    const { bytes } = await build(records, specFor(format));
    assert.ok(await openProved(memorySource(bytes)));
    const twice = await doubleOne(bytes);
    const proved = twice && (await openProved(memorySource(twice)));
    assert.equal(proved, undefined);
  }
});

/** Lets an element beside another one of its bucket be the same as it, as far as a lookup reaches both. */
async function doubleOne(bytes: Uint8Array): Promise<Uint8Array | undefined> {
  const { db } = (await openSearched(memorySource(bytes)))!;
  const { BucketView } = await import('../../src/format/bucket.js');
  for (const offset of new Set(db.directory)) {
    const copy = Uint8Array.from(bytes);
    const place = copy.subarray(offset, offset + db.geometry.bucketSize);
    const bucket = new BucketView(place, db.format, db.geometry.bucketElements);
    for (let i = 0; i + 1 < bucket.elements; i++) {
      if (bucket.hash(i) < 0 || bucket.hash(i) % bucket.elements !== i || bucket.hash(i + 1) !== -1) continue;
      // The same key at another place, in the file's unused end.
      bucket.moveElement(i + 1, bucket, bucket.dataPointer(i));
      const at = bucket.elementOffset(i);
      place.copyWithin(
        bucket.elementOffset(i + 1),
        at,
        at + bucket.elementOffset(1) - bucket.elementOffset(0),
      );
      bucket.setHead(bucket.bits, bucket.count + 1);
      return copy;
    }
  }
  return undefined;
}

test('a database in several parts is proved as one in a single part', async () => {
  const records = Array.from({ length: 2000 }, (_, n) => ({
    key: Buffer.from(`key ${n}`),
    value: Buffer.alloc(n % 700, n),
  }));
  const { bytes } = await build(records, specFor(FORMATS[0]));
  const { db } = (await openProved(memorySource(bytes)))!;
  const proved = async (held?: number) => checkExamined(db, (await examineInOrder(db, held))!);
  const whole = await proved();
  for (const held of [400, 10]) {
    const parts = await proved(held);
    assert.ok(whole && parts);
    assert.deepEqual(comparable(parts.checked), comparable(whole.checked));
    assert.equal(parts.proof.runs.length, whole.proof.runs.length);
  }
});
