import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { survey } from '../../src/database/survey.js';
import { diff, noCounts } from '../../src/exchange/diff.js';
import { BucketView } from '../../src/format/bucket.js';
import { FREE_HASH, hashKey } from '../../src/format/hash.js';
import { open } from '../../src/examine.js';
import { memorySource } from '../../src/source/source.js';
import type { KeyValue } from '../build/build.js';
import { anyRecords, build, specFor, text } from '../build/build.js';
import { formats, NATIVE } from '../torture/databases.js';
import { LITTLE, openedForWalk, smallDatabases, walkedOf, whateverTheDamage } from '../read/walked.js';
import { runs } from '../tools/effort.js';

/** Differences between two files: a line for each one, in order of their keys. */
async function toldOf(before: Uint8Array, after: Uint8Array) {
  const counts = noCounts();
  const lines: string[] = [];
  const [a, b] = [await openedForWalk(before), await openedForWalk(after)];
  for await (const one of diff(a, b, counts, LITTLE)) {
    lines.push(JSON.stringify([text(one.key), one.how, one.before, one.after]));
  }
  const { same, removed, added, changed } = counts;
  assert.equal(lines.length, removed + added + changed);
  return { lines: lines.sort(), same };
}

/** The same of two maps. */
function expectedOf(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>) {
  const lines: unknown[][] = [];
  let same = 0;
  for (const [key, value] of before) {
    const other = after.get(key);
    if (other === undefined) lines.push([key, 'removed', sizeOf(value), undefined]);
    else if (other === value) same++;
    else lines.push([key, 'changed', sizeOf(value), sizeOf(other)]);
  }
  for (const [key, value] of after) {
    if (!before.has(key)) lines.push([key, 'added', undefined, sizeOf(value)]);
  }
  return { lines: lines.map((line) => JSON.stringify(line)).sort(), same };
}

const sizeOf = (value: string) => Buffer.from(value, 'latin1').length;
const contentsOf = (records: readonly KeyValue[]) =>
  new Map(records.map(({ key, value }) => [text(key), text(value)]));

/** Some that both have, some that one has, some with another value, and some too large to be held. */
const anyPair = fc
  .tuple(anyRecords(60), anyRecords(20), anyRecords(20), fc.constantFrom(0, 65_536, 70_000))
  .map(([both, first, second, size]) => {
    const large = (letter: string) => ({ key: Buffer.from('large'), value: Buffer.alloc(size, letter) });
    const unique = (records: KeyValue[]) => [...new Map(records.map((one) => [text(one.key), one])).values()];
    return {
      before: unique([...both, ...first, large('a')]),
      after: unique([...both, ...second, large(first.length % 2 === 0 ? 'a' : 'b')]),
    };
  });

test('a comparison of two databases of any format tells what a comparison of their contents does', () =>
  fc.assert(
    fc.asyncProperty(
      anyPair,
      fc.constantFrom(...formats('standard')),
      fc.constantFrom(...formats('numsync')),
      fc.constantFrom('signed' as const, 'unsigned' as const),
      async ({ before, after }, format, other, hashChar) => {
        const a = await build(before, specFor(format), 'signed');
        const b = await build(after, specFor(other, 512, 1), hashChar);
        assert.deepEqual(await toldOf(a.bytes, b.bytes), expectedOf(contentsOf(before), contentsOf(after)));
      },
    ),
    { numRuns: runs(60) },
  ));

const databases = smallDatabases('diff');

test('whatever the damage, a comparison tells of every record that a walk gives, and of no other', () =>
  whateverTheDamage(databases, 60, async (bytes, intact) => {
    const damaged = await walkedOf(bytes);
    // Nothing in it speaks for the format.
    fc.pre(damaged !== undefined);
    // If two records have one key, either may be the one that is compared.
    fc.pre(new Map(damaged.found).size === damaged.found.length);
    const [whole, rest] = [new Map((await walkedOf(intact.bytes))!.found), new Map(damaged.found)];
    assert.deepEqual(await toldOf(intact.bytes, bytes), expectedOf(whole, rest));
    assert.deepEqual(await toldOf(bytes, intact.bytes), expectedOf(rest, whole));
  }));

test('records are not told to be gone because the directory is', async () => {
  const [intact] = databases.values();
  const { offset } = (await openedForWalk(intact.bytes)).db.geometry.directory!;
  const damaged = Buffer.from(intact.bytes);
  damaged.fill(0, offset, offset + 512);
  const { lines, same } = await toldOf(intact.bytes, damaged);
  assert.deepEqual(lines, []);
  assert.ok(same > 100);
});

/** A database of one bucket, with the element of a key moved to where no lookup comes to it. */
async function withUnreached(records: readonly KeyValue[], wanted: string): Promise<Buffer> {
  const bytes = Buffer.from((await build(records, specFor(NATIVE), 'signed')).bytes);
  const { db } = await openedForWalk(bytes);
  const [{ offset }] = (await survey(db)).sites;
  const bucket = new BucketView(
    bytes.subarray(offset, offset + db.geometry.bucketSize),
    NATIVE,
    db.geometry.bucketElements,
  );
  const keyAt = (i: number) =>
    bytes.subarray(bucket.dataPointer(i), bucket.dataPointer(i) + bucket.keySize(i));
  const all = Array.from({ length: bucket.elements }, (_, i) => i);
  const from = all.find((i) => bucket.hash(i) !== FREE_HASH && text(keyAt(i)) === wanted)!;
  const home = bucket.hash(from) % bucket.elements;
  const to = all.find(
    (i) => i !== home && i !== from + 1 && bucket.hash(i) === FREE_HASH && bucket.hash(i - 1) === FREE_HASH,
  )!;
  const size = bucket.elementOffset(1) - bucket.elementOffset(0);
  const [at, free] = [offset + bucket.elementOffset(from), offset + bucket.elementOffset(to)];
  bytes.copyWithin(free, at, at + size);
  bytes.writeInt32LE(FREE_HASH, at);
  return bytes;
}

test('a record that no lookup reaches is not told to be gone', async () => {
  const records = Array.from({ length: 5 }, (_, n) => ({
    key: Buffer.from(`key ${n}`),
    value: Buffer.from(`${n}`),
  }));
  for (const [key, size] of [
    ['large', 70_000],
    ['k\xe4', 10],
  ] as const) {
    const all = [...records, { key: Buffer.from(key, 'latin1'), value: Buffer.alloc(size, 7) }];
    const damaged = await withUnreached(all, key);
    assert.equal((await walkedOf(damaged))!.found.length, all.length);
    const intact = (await build(all, specFor(NATIVE), 'unsigned')).bytes;
    for (const [a, b] of [
      [damaged, damaged],
      [intact, damaged],
      [damaged, intact],
    ]) {
      assert.deepEqual(await toldOf(a, b), { lines: [], same: all.length });
    }
  }
});

/** Keys of one hash: bytes whose shifts differ by five, one 32 more and the next one 1 less. */
function alikeKey(n: number): Buffer {
  const key = Buffer.alloc(34, '0');
  // The places of which the second one's shift is five more.
  for (const at of [0, 2, 5, 7, 10, 12, 15, 17]) {
    key[at] = 33 + 32 * (n % 3);
    key[at + 1] = 60 - (n % 3);
    n = Math.floor(n / 3);
  }
  // The bucket of such a key depends on the machine, so that the key has to be looked up.
  key[33] = 0x90;
  return key;
}

test('two databases of keys with one hash are compared by reading each a few times', async () => {
  const spec = { format: NATIVE, blockSize: 1 << 18, bucketSize: 1 << 18 };
  const many = (from: number) =>
    Array.from({ length: 3000 }, (_, n) => ({ key: alikeKey(from + n), value: Buffer.alloc(1) }));
  const [a, b] = [await build(many(0), spec, 'signed'), await build(many(1500), spec, 'signed')];
  assert.equal(new Set(many(0).map(({ key }) => hashKey(key, 'signed'))).size, 1);
  let reads = 0;
  const counted = async ({ bytes }: { bytes: Uint8Array }) => {
    const source = memorySource(bytes);
    const read = (offset: number, length: number) => {
      reads++;
      return source.read(offset, length);
    };
    return (await open({ size: source.size, read }))!;
  };
  const counts = noCounts();
  for await (const one of diff(await counted(a), await counted(b), counts, LITTLE))
    assert.ok(one.key.length > 0);
  const { same, removed, added, changed } = counts;
  assert.deepEqual({ same, removed, added, changed }, { same: 1500, removed: 1500, added: 1500, changed: 0 });
  assert.ok(reads < 100_000, `${reads} reads`);
});
