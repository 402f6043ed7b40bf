import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import fc from 'fast-check';
import { BuildError } from '../../src/write/frame.js';
import { memorySink } from '../../src/write/sink.js';
import type { CheckResult } from '../../src/check/check.js';
import { accountFor } from '../../src/check/account.js';
import { checkDatabase } from '../../src/check/check.js';
import { examine } from '../../src/check/examination.js';
import { check, openSearched } from '../../src/examine.js';
import { elementStruct } from '../../src/format/bucket.js';
import { FREE_HASH, hashKey } from '../../src/format/hash.js';
import type { Header } from '../../src/format/header.js';
import type { WriteResult } from '../../src/write/write.js';
import { member } from '../../src/format/struct.js';
import { salvagedContents } from '../../src/write/contents.js';
import { writeFresh } from '../../src/write/write.js';
import { InForce } from '../../src/salvage/inforce.js';
import { findOld } from '../../src/salvage/old.js';
import { memorySource, SourceError } from '../../src/source/source.js';
import { miniDatabase } from '../torture/databases.js';
import { damagedCopy, tryRepair } from '../torture/judge.js';
import type { Model } from '../torture/models.js';
import { MODELS } from '../torture/models.js';
import { cpuTime } from '../tools/cpu.js';
import { runs, sample, SWEEP } from '../tools/effort.js';
import { fixture } from '../tools/fixtures.js';
import { mutate } from '../tools/mutate.js';
import { Random } from '../tools/random.js';
import { anyBucket, FORMAT, oneBucket, storeAll } from './onebucket.js';
import { Specimen } from './specimen.js';

const SEED = 20261207;
/** Milliseconds of CPU time: far more than any of these files needs; without limits they would take minutes or more. */
const LIMIT_MS = 20_000;

const AMD64 = await readFile(fixture('amd64.db'));

test('a directory that leads to a bucket at every byte is checked in bounded time', async () => {
  const bits = 15;
  const block = 4096;
  const buckets = block + 8 * 2 ** bits;
  const s = Specimen.frame(FORMAT, buckets + 2 ** bits + block, { block, bits });
  for (let slot = 0; slot < 2 ** bits; slot++) s.setOffset(s.entryAt(slot), buckets + slot);
  const { findingCounts } = await quickly(() => check(memorySource(s.bytes)));
  assert.equal(findingCounts['bucket-unread'], 1);
});

test('elements that all claim one huge key are checked in bounded time', async () => {
  const s = oneBucket(1 << 16, 4 << 20);
  const at = anyBucket(s);
  const bucket = s.bucket(at);
  const start = at + s.bucketSize;
  for (let i = 0; i < bucket.elements; i++) {
    bucket.setElement(i, {
      hash: i,
      key_start: new Uint8Array(4),
      data_pointer: start,
      key_size: s.size - start - i,
      data_size: 0,
    });
  }
  bucket.setHead(0, bucket.elements);
  const { records, findingCounts } = await quickly(() => check(memorySource(s.bytes)));
  assert.equal(records.count, 0);
  assert.ok((findingCounts['element-unchecked'] ?? 0) > 2000);
});

test('elements that all claim one big value do not multiply it when it is rebuilt', async () => {
  const s = oneBucket(4096, 1 << 20);
  const at = anyBucket(s);
  const bucket = s.bucket(at);
  s.bytes.set(new Random(SEED).bytes(400), at + s.bucketSize);
  // Each key starts a byte after the one before: all are right, all values are nearly the whole file.
  const stored = storeAll(s, 100, (i) => {
    const pointer = at + s.bucketSize + i;
    return { pointer, keySize: 4, dataSize: s.size - pointer - 4 };
  });
  bucket.setHead(0, stored);
  const { checked, built } = await quickly(() => checkAndRebuild(s.bytes));
  assert.equal(checked?.records.count, stored);
  assert.ok(built && built.records > 0 && built.overclaimed + built.overreaching > 90, JSON.stringify(built));
  assert.ok(built.size <= 2 * s.size, `${built.size} bytes from ${s.size}`);
});

test('where very many records begin at one place, no memory is taken for each of them', async () => {
  const held = 20;
  const s = oneBucket(1 << 15, 1 << 14);
  const place = anyBucket(s) + s.bucketSize;
  s.bytes.set(
    new Random(SEED).bytes(4096).map((byte) => byte & 0x7f),
    place,
  );
  const stored = storeAll(s, 396, (i) => {
    const keySize = 4 + i;
    const pointer = i % 50 === 0 ? place + keySize : place;
    return { pointer, keySize, dataSize: i === 395 ? 1000 : i % 3 };
  });
  s.bucket(anyBucket(s)).setHead(0, stored);
  const { db, survey } = (await openSearched(memorySource(s.bytes), undefined, { old: true }))!;
  const examined = await examine(db, survey, held);
  assert.equal(examined.records, stored);

  // The account is the same as with room for all.
  const { account } = await accountFor(db, survey, examined);
  const whole = (await accountFor(db, survey, await examine(db, survey))).account;
  assert.deepEqual(
    [account.bytes, account.overlaps, account.overreaching.size],
    [whole.bytes, whole.overlaps, whole.overreaching.size],
  );
  assert.ok(account.overreaching.size > stored / 2);
  assert.deepEqual([...(await findOld(db, survey, { held }))], [...(await findOld(db, survey))]);

  // A few are held at a time, and the one that reaches farthest is among them.
  let most = 0;
  let seen = 0;
  for await (const part of (await InForce.read(db, survey, held)).parts()) {
    most = Math.max(most, part.count);
    if (part.from <= place || part.from >= place + 1000) continue;
    seen++;
    assert.ok([...part.over(part.from, 1)].some(({ length }) => length === 1399));
  }
  assert.ok(most > 2 && most < 3 * held && seen > 0, `${most} at a time, ${seen} parts`);
});

test('a chain of free space that never ends is followed once', async () => {
  const s = await Specimen.make(FORMAT);
  const { chainedAt } = s;
  const blocks = 1000;
  const bytes = s.freeAt - chainedAt;
  const start = s.size;
  const last = start + (blocks - 1) * bytes;
  s.resize(start + blocks * bytes);
  s.setOffset(s.headerAt('next_block'), s.size);
  s.setOffset(s.availFieldAt(chainedAt, 'next_block'), start);
  for (let at = start; at <= last; at += bytes) {
    s.setInt(s.availFieldAt(at, 'size'), 28);
    s.setOffset(s.availFieldAt(at, 'next_block'), at === last ? start : at + bytes);
  }
  const { findingCounts, findings } = await quickly(() => check(memorySource(s.bytes)));
  assert.equal(findingCounts['avail-loop'], 1);
  assert.equal(findings.find(({ code }) => code === 'avail-loop')?.offset, last);
});

test('avail blocks that lie on each other by the thousand are not all read', async () => {
  const step = 16;
  const start = AMD64.length;
  const bytes = new Uint8Array(start + (1 << 20));
  bytes.set(AMD64);
  const view = new DataView(bytes.buffer);
  view.setBigInt64(48, BigInt(start), true);
  for (let at = start; at + 4096 < bytes.length; at += step) {
    view.setInt32(at, view.getInt32(40, true), true);
    view.setInt32(at + 4, 0, true);
    view.setBigInt64(at + 8, BigInt(at + step), true);
  }
  const { findingCounts } = await quickly(() => check(memorySource(bytes)));
  assert.equal(findingCounts['avail-loop'], 1);
});

test('elements that all have one home are checked in bounded time', async () => {
  const s = oneBucket(SWEEP ? 1 << 21 : 1 << 18, 4096);
  const at = anyBucket(s);
  const bucket = s.bucket(at);
  const pointer = at + s.bucketSize;
  s.bytes[pointer] = 0x61;
  const key_start = Uint8Array.of(0x61, 0, 0, 0);
  const element = { hash: hashKey(Uint8Array.of(0x61), 'signed'), key_start, data_pointer: pointer };
  for (let i = 0; i < bucket.elements; i++) bucket.setElement(i, { ...element, key_size: 1, data_size: 0 });
  bucket.setHead(0, bucket.elements);
  const { records, findingCounts } = await quickly(() => check(memorySource(s.bytes)));
  assert.equal(records.count, 1);
  assert.equal(findingCounts['key-duplicate'], bucket.elements - 1);
});

test('different keys of one hash by the thousand are checked and rebuilt in bounded time', async () => {
  const s = oneBucket(1 << 18, 1 << 19);
  const at = anyBucket(s);
  const bucket = s.bucket(at);
  const hash = 4711;
  for (const [i, key] of keysWithHash(hash, bucket.elements).entries()) {
    const data_pointer = at + s.bucketSize + i * KEY_LENGTH;
    s.bytes.set(key, data_pointer);
    const element = { hash, key_start: key.slice(0, 4), data_pointer, key_size: KEY_LENGTH, data_size: 0 };
    bucket.setElement((hash + i) % bucket.elements, element);
  }
  bucket.setHead(0, bucket.elements);
  const { checked, built } = await quickly(() => checkAndRebuild(s.bytes));
  assert.equal(checked?.records.count, bucket.elements);
  assert.equal(built?.records, bucket.elements);
});

test('different keys of one hash by the ten thousands are checked and rebuilt in bounded time', async () => {
  const s = oneBucket(SWEEP ? 1 << 22 : 1 << 20, 9 << 20);
  const stored = storeAlike(s, s.bucket(anyBucket(s)).elements - 1);
  const { checked, built } = await quickly(() => checkAndRebuild(s.bytes));
  assert.equal(checked?.records.count, stored);
  assert.equal(built?.records, stored);
});

test('different keys of one hash by the thousand in a damaged bucket are rebuilt in bounded time', async () => {
  const s = oneBucket(SWEEP ? 1 << 19 : 1 << 16, 1 << 20);
  const at = anyBucket(s);
  const stored = storeAlike(s, s.bucket(at).elements - 1);
  s.setInt(s.bucketFieldAt(at, 'count'), stored - 1);
  const { checked, built } = await quickly(() => checkAndRebuild(s.bytes));
  assert.equal(checked?.records.count, stored);
  assert.equal(built?.records, stored);
});

test('a bucket of more wrong elements than a call takes arguments is reported', async () => {
  const s = oneBucket(SWEEP ? 1 << 22 : 1 << 19, 4096);
  const at = anyBucket(s);
  const bucket = s.bucket(at);
  s.fill(bucket.elementOffset(0) + at, at + s.bucketSize, 7);
  bucket.setHead(0, bucket.elements);
  const { findingCounts } = await quickly(() => check(memorySource(s.bytes)));
  assert.equal(findingCounts['element-bounds'], bucket.elements);
});

test('keys made to share the start of their hash make no directory larger than the file', async () => {
  // Three buckets, none of which says that slot 0 is its own, hold together more keys of it than one can.
  const s = Specimen.frame(FORMAT, 8192, { block: 512, bits: 6 });
  const buckets = [1024, 1536, 2048];
  const keys = 2560;
  for (let slot = 0; slot < 64; slot++) s.setOffset(s.entryAt(slot), buckets[slot % 3]);
  for (const [b, at] of buckets.entries()) {
    const bucket = s.bucket(at);
    for (let i = 0; i < bucket.elements; i++) bucket.setHash(i, FREE_HASH);
    for (let i = 0; i < 6; i++) {
      const hash = b * 6 + i;
      const pointer = keys + hash * KEY_LENGTH;
      s.bytes.set(keysWithHash(hash, 1)[0], pointer);
      const key_start = s.bytes.slice(pointer, pointer + 4);
      bucket.setElement(i, { hash, key_start, data_pointer: pointer, key_size: KEY_LENGTH, data_size: 0 });
    }
    for (let i = 6; i < 14; i++) bucket.setHash(i, (10 + b) * 2 ** 25);
    bucket.setHead(6, 14);
  }
  const { checked, built } = await quickly(() => checkAndRebuild(s.bytes));
  assert.equal(checked?.records.count, 18);
  assert.ok(built && built.records >= 16, JSON.stringify(built));
  assert.ok(built.size <= 2 * s.size, `${built.size} bytes from ${s.size}`);
});

test('buckets made to be far apart from each other make no fresh file that is much larger', async () => {
  const [block, bits, buckets] = [512, 14, 256];
  const first = block + 8 * 2 ** bits;
  const keys = first + buckets * block;
  const s = Specimen.frame(FORMAT, keys + buckets * 8, { block, bits });
  const done = new Set<number>();
  for (let number = 0; done.size < buckets; number++) {
    const key = Buffer.from(String(number).padStart(8, '0'));
    const hash = hashKey(key, 'signed');
    // One bucket in each 64 slots.
    const group = hash >>> (31 - 8);
    if (done.has(group)) continue;
    const at = first + done.size * block;
    const data_pointer = keys + done.size * 8;
    done.add(group);
    s.setOffset(s.entryAt(hash >>> (31 - bits)), at);
    s.bytes.set(key, data_pointer);
    const bucket = s.bucket(at);
    for (let i = 0; i < bucket.elements; i++) bucket.setHash(i, FREE_HASH);
    const element = { hash, key_start: key.subarray(0, 4), data_pointer, key_size: 8, data_size: 0 };
    bucket.setElement(hash % bucket.elements, element);
    bucket.setHead(bits, 1);
  }
  const { checked, built } = await quickly(() => checkAndRebuild(s.bytes));
  assert.equal(checked?.records.count, buckets);
  assert.equal(built?.records, buckets);
  assert.ok(built.size <= 2 * s.size, `${built.size} bytes from ${s.size}`);
});

test('a file cut at any place in its first blocks is checked', async () => {
  for (const name of ['amd64', 'i386', 's390x', 'amd64-numsync']) {
    const bytes = await readFile(fixture(`${name}.db`));
    for (let length = 0; length < 200; length += SWEEP ? 1 : 7) {
      const { verdict } = await check(memorySource(bytes.subarray(0, length)));
      assert.notEqual(verdict, 'healthy', `${name} cut to ${length} bytes`);
    }
  }
});

test('header fields of any size ask for no more than the file has', async () => {
  const edges = fc.oneof(
    fc.constantFrom(
      0,
      1,
      -1,
      0x7fffffff,
      -0x80000000,
      0x40000000,
      0x4000000,
      0x4000001,
      0x2000000,
      28,
      29,
      30,
      31,
      32,
    ),
    fc.integer(),
    fc.integer({ min: 0, max: 8192 }),
  );
  const fields = ['block_size', 'dir_size', 'dir_bits', 'bucket_size', 'bucket_elems'] as const;
  const change = fc.record({ field: fc.constantFrom<keyof Header>(...fields), value: edges });
  const sound = await Specimen.make(FORMAT);
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
      const s = sound.copy();
      for (const { field, value } of changes) s.setInt(s.headerAt(field), value);
      await quickly(() => checkAndRebuild(s.bytes));
    }),
    { seed: SEED, numRuns: runs(100) },
  );
});

test('a header whose every field says huge is read in bounded time and memory', async () => {
  for (const [turn, block] of [1 << 20, 1 << 26, 1 << 30].entries()) {
    for (const bits of sample([6, 28, 30], 1, turn)) {
      const s = Specimen.frame(FORMAT, 200_000, { block, bits: Math.min(bits, 27) });
      s.setInt(s.headerAt('dir_bits'), bits);
      s.setOffset(s.headerAt('dir'), 4096);
      const { verdict } = await quickly(() => check(memorySource(s.bytes)));
      assert.notEqual(verdict, 'healthy');
    }
  }
});

test('no mutation of a real file makes the check or the rebuild throw', async () => {
  const random = new Random(SEED);
  for (let n = 0; n < (SWEEP ? 250 : 60); n++) {
    const { bytes, what } = mutate(random, AMD64);
    await survives(bytes, `mutation ${n} of seed ${SEED}: ${what}`);
  }
});

test('no flipped bytes of a real file make the check or the rebuild throw', async () => {
  const flips = fc.array(
    fc.tuple(fc.oneof(fc.nat(AMD64.length - 1), fc.nat(200)), fc.integer({ min: 0, max: 255 })),
    { minLength: 1, maxLength: 60 },
  );
  await fc.assert(
    fc.asyncProperty(flips, async (all) => {
      const bytes = Uint8Array.from(AMD64);
      for (const [at, byte] of all) bytes[at] = byte;
      await survives(bytes, 'flipped');
    }),
    { seed: SEED, numRuns: runs(150) },
  );
});

test('no garbage makes the check throw, even where it starts as a database does', async () => {
  const garbage = fc
    .tuple(fc.nat(60), fc.uint8Array({ maxLength: 6000, size: 'max' }))
    .map(([kept, bytes]) => {
      bytes.set(AMD64.subarray(0, Math.min(kept, bytes.length)));
      return bytes;
    });
  await fc.assert(
    fc.asyncProperty(garbage, (bytes) => survives(bytes, 'garbage')),
    { seed: SEED, numRuns: runs(200) },
  );
});

/** Checks and rebuilds as a repair does; an error that is not one of those that are promised is a failure. */
async function survives(bytes: Uint8Array, what: string): Promise<void> {
  try {
    await quickly(() => checkAndRebuild(bytes));
  } catch (error) {
    if (error instanceof SourceError || error instanceof BuildError) return;
    throw new Error(what, { cause: error });
  }
}

async function checkAndRebuild(
  bytes: Uint8Array,
): Promise<{ checked: CheckResult | undefined; built: WriteResult | undefined }> {
  const source = memorySource(bytes);
  const found = bytes.length === 0 ? undefined : await openSearched(source);
  if (found === undefined) return { checked: await check(source), built: undefined };
  const { db, survey: surveyed } = found;
  const checked = await checkDatabase(db, surveyed);
  const { records } = checked;
  // A repair refuses these: there is nothing to rebuild.
  if (records.uncovered === 1 && records.count === 0) return { checked, built: undefined };
  return { checked, built: await writeFresh(salvagedContents(found, checked), memorySink()) };
}

async function quickly<T>(run: () => Promise<T>): Promise<T> {
  const start = cpuTime();
  const result = await run();
  const took = cpuTime() - start;
  assert.ok(took < LIMIT_MS, `took ${took} ms of CPU time`);
  return result;
}

/** Puts different keys of one hash into the only bucket; many a second hash would be the same for all of them, too. */
function storeAlike(s: Specimen, count: number): number {
  const at = anyBucket(s);
  const bucket = s.bucket(at);
  for (let n = 0; n < count; n++) {
    const data_pointer = at + s.bucketSize + n * ALIKE_LENGTH;
    const key = s.bytes.subarray(data_pointer, data_pointer + ALIKE_LENGTH).fill(64);
    // Bytes that are 24 apart count the same for libgdbm's hash; for one with the factor 31 a byte is 31 of the next.
    for (let i = 0, left = n; i < ALIKE_LENGTH / 4; i++, left = Math.floor(left / 3)) {
      const change = (left % 3) - 1;
      key[2 * i] += change;
      key[2 * i + 1] -= 31 * change;
      key[2 * i + 24] -= change;
      key[2 * i + 25] += 31 * change;
    }
    const hash = hashKey(key, 'signed');
    const element = { hash, key_start: key.slice(0, 4), data_pointer, key_size: ALIKE_LENGTH, data_size: 0 };
    bucket.setElement((hash + n) % bucket.elements, element);
  }
  bucket.setHead(0, count);
  return count;
}

const ALIKE_LENGTH = 48;
const KEY_LENGTH = 28;

/** Different keys of one hash. */
function keysWithHash(hash: number, count: number): Uint8Array[] {
  const keys: Uint8Array[] = [];
  for (let serial = 0; keys.length < count; serial++) {
    const key = keyWithHash(hash, serial);
    if (key !== undefined) keys.push(key);
  }
  return keys;
}

/** A key that ends with a number and begins so that this hash comes out; few numbers have none. */
function keyWithHash(hash: number, serial: number): Uint8Array | undefined {
  // The inverse of libgdbm's multiplier, by Newton's method: each step doubles the right bits.
  let inverse = 1;
  for (let i = 0; i < 5; i++) inverse = Math.imul(inverse, 2 - Math.imul(1103515243, inverse));
  const key = new Uint8Array(KEY_LENGTH);
  let sum = Math.imul(hash - 12345, inverse) - Math.imul(0x238f13af, KEY_LENGTH);
  const shift = (i: number) => (i * 5) % 24;
  for (let i = 24; i < KEY_LENGTH; i++) {
    key[i] = (serial >>> (7 * (i - 24))) & 127;
    sum -= key[i] << shift(i);
  }
  let left = sum & 0x7fffffff;
  // The first 24 bytes have each shift once: as digits, the largest first, they make nearly every number.
  for (const i of [...Array(24).keys()].sort((a, b) => shift(b) - shift(a))) {
    key[i] = Math.min(127, Math.floor(left / 2 ** shift(i)));
    left -= key[i] * 2 ** shift(i);
  }
  return left === 0 ? key : undefined;
}

test('elements that lead before the file are passed by, whatever else is wrong', async () => {
  const intact = miniDatabase(FORMAT, { blockSize: 512, seed: 5, records: 150, maxValue: 120 });
  const pointer = member(elementStruct(FORMAT.layout), 'data_pointer').offset;
  const around = [
    'directory entries wrong',
    'buckets lost',
    'bucket headers wrong',
    "two files' blocks mixed",
  ];
  for (const [turn, name] of around.entries()) {
    const model = MODELS.find((one) => one.name === name)!;
    const places = [-1n, -4096n, -(2n ** 33n) - 8n, -(2n ** 60n), -(2n ** 63n)];
    for (const before of sample(places, 2, turn)) {
      const value = new Uint8Array(8);
      new DataView(value.buffer).setBigInt64(0, before, FORMAT.byteOrder === 'little');
      const wrong: Model = {
        name: 'pointers before the file',
        damage: (file, { records }) => {
          for (const { element } of [...records.values()].filter((_, n) => n % 12 === 0))
            file.write(element.at + pointer, value);
        },
      };
      const { score } = await quickly(() => tryRepair(intact, damagedCopy(intact, [wrong, model], SEED)));
      const { lost, wrong: others } = score;
      assert.deepEqual([lost, others], [[], []], `${name}, ${before}`);
    }
  }
});
