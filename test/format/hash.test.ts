import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import fc from 'fast-check';
import { openDatabase } from '../../src/database/database.js';
import { BucketView } from '../../src/format/bucket.js';
import type { HashChar } from '../../src/format/hash.js';
import {
  digestOf,
  FREE_HASH,
  hashKey,
  isByteChange,
  isPortableKey,
  KeyHasher,
} from '../../src/format/hash.js';
import { memorySource } from '../../src/source/source.js';
import { runs } from '../tools/effort.js';
import { fixture, fixtureRecords } from '../tools/fixtures.js';

const RUNS = { seed: 20261202, numRuns: runs(300) };
const FLAVOURS: readonly HashChar[] = ['signed', 'unsigned'];

test('known keys have the hashes that libgdbm gives them', () => {
  for (const hashChar of FLAVOURS) {
    assert.equal(hashKey(Buffer.from('hello'), hashChar), 1730502474);
    assert.equal(hashKey(new Uint8Array(0), hashChar), 12345);
  }
});

/** The hash byte by byte, as libgdbm's documentation has it. */
function declaredHash(key: Uint8Array, hashChar: HashChar): number {
  let value = Math.imul(0x238f13af, key.length) & 0x7fffffff;
  key.forEach((byte, i) => {
    const char = hashChar === 'signed' && byte >= 0x80 ? byte - 256 : byte;
    value = (value + (char << ((i * 5) % 24))) & 0x7fffffff;
  });
  return (Math.imul(1103515243, value) + 12345) & 0x7fffffff;
}

test('the hash of any key is the declared one', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300, size: 'max' }),
      fc.constantFrom(...FLAVOURS),
      (key, hashChar) => assert.equal(hashKey(key, hashChar), declaredHash(key, hashChar)),
    ),
    RUNS,
  );
});

test('a key has the same digest as a whole and in pieces of a multiple of four bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300, size: 'max' }), fc.nat(60), (key, n) => {
      const hasher = new KeyHasher(key.length);
      hasher.update(key.subarray(0, 4 * n)).update(key.subarray(4 * n));
      assert.equal(hasher.digest, digestOf(key));
    }),
    RUNS,
  );
});

test('a key that comes in pieces hashes as the whole key', () => {
  // Short pieces in any number of groups of 24, and long ones all of whose sums are as large as can be.
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 60, size: 'max' }),
    fc
      .tuple(fc.nat(20_000), fc.constantFrom(0x7f, 0x80, 0xff))
      .map(([size, byte]) => new Uint8Array(size).fill(byte)),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (parts) => {
      const key = Buffer.concat(parts);
      const hasher = new KeyHasher(key.length);
      for (const part of parts) hasher.update(part);
      for (const hashChar of FLAVOURS) assert.equal(hasher.hash(hashChar), hashKey(key, hashChar));
    }),
    RUNS,
  );
});

test('every hash has 31 bits and no sign', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300, size: 'max' }),
      fc.constantFrom(...FLAVOURS),
      (key, hashChar) => {
        const hash = hashKey(key, hashChar);
        assert.ok(Number.isInteger(hash) && hash >= 0 && hash < 2 ** 31, `${hash}`);
      },
    ),
    RUNS,
  );
});

test('a key of bytes below 0x80 hashes the same on every machine', () => {
  fc.assert(
    fc.property(fc.uint8Array({ max: 0x7f, maxLength: 60 }), (key) => {
      assert.ok(isPortableKey(key));
      assert.equal(hashKey(key, 'signed'), hashKey(key, 'unsigned'));
    }),
    RUNS,
  );
});

test('one byte of 0x80 or more makes the hash depend on the machine, wherever its sign is not shifted out', () => {
  const length = 48;
  const same: number[] = [];
  for (let at = 0; at < length; at++) {
    const key = new Uint8Array(length).fill(0x61);
    key[at] = 0xe9;
    assert.ok(!isPortableKey(key));
    if (hashKey(key, 'signed') === hashKey(key, 'unsigned')) same.push(at);
  }
  // Bytes 19 and 43 are shifted by 23: the difference of 256 becomes 2^31, which no hash keeps.
  assert.deepEqual(same, [19, 43]);
});

for (const [machine, hashChar] of [
  ['amd64', 'signed'],
  ['amd64-numsync', 'signed'],
  ['i386', 'signed'],
  ['arm64', 'unsigned'],
  ['armhf', 'unsigned'],
  ['s390x', 'unsigned'],
  ['s390x-numsync', 'unsigned'],
] as const) {
  test(`each key hashes as the real machine stored it: ${machine}, ${hashChar} char`, async () => {
    const stored = await storedHashes(await readFile(fixture(`${machine}.db`)));
    const keys = (await fixtureRecords()).map(([key]) => key);
    assert.deepEqual([...stored.keys()].sort(), keys);
    for (const key of keys) assert.equal(stored.get(key), hashKey(Buffer.from(key, 'base64'), hashChar), key);
    // Only keys that tell the flavours apart make this a test of them.
    const telling = keys.filter((key) => !isPortableKey(Buffer.from(key, 'base64')));
    assert.equal(telling.length, 40);
  });
}

/** Each key in base64 with the hash of its element, straight from the buckets: no check has judged it. */
async function storedHashes(bytes: Uint8Array): Promise<Map<string, number>> {
  const db = await openDatabase(memorySource(bytes));
  assert.ok(db);
  const hashes = new Map<string, number>();
  for (const offset of new Set(db.directory)) {
    const { bucketSize, bucketElements } = db.geometry;
    const bucket = new BucketView(bytes.subarray(offset, offset + bucketSize), db.format, bucketElements);
    for (let i = 0; i < bucketElements; i++) {
      if (bucket.hash(i) === FREE_HASH) continue;
      const at = bucket.dataPointer(i);
      const key = Buffer.from(bytes.subarray(at, at + bucket.keySize(i))).toString('base64');
      hashes.set(key, bucket.hash(i));
    }
  }
  return hashes;
}

test('the hashes of keys that differ in one byte are told from all others', () => {
  const key = Buffer.from('Schlüssel einer Länge, die jede Stelle hat', 'latin1');
  for (const hashChar of FLAVOURS) {
    const own = hashKey(key, hashChar);
    const others = new Set<number>();
    for (let i = 4; i < key.length; i++) {
      for (let byte = 0; byte < 256; byte++) {
        const changed = Buffer.from(key);
        changed[i] = byte;
        if (byte !== key[i]) others.add(hashKey(changed, hashChar));
      }
    }
    for (const other of others) assert.ok(isByteChange(key, 4, own, other, hashChar), `${other}`);
    for (let bit = 0; bit < 31; bit++) {
      const other = own ^ (1 << bit);
      assert.equal(isByteChange(key, 4, own, other, hashChar), others.has(other), `bit ${bit}`);
    }
    // In what key_start has nothing was changed.
    assert.ok(!isByteChange(key.subarray(0, 4), 4, own, others.values().next().value!, hashChar));
  }
});
