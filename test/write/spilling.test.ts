import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { DatabaseBuilder } from '../../src/write/builder.js';
import type { Sink, Spill } from '../../src/write/sink.js';
import { memorySink } from '../../src/write/sink.js';
import { divideBins } from '../../src/write/recordindex.js';
import { check } from '../../src/examine.js';
import { BucketView } from '../../src/format/bucket.js';
import { FREE_HASH, hashKey } from '../../src/format/hash.js';
import { openDatabase } from '../../src/database/database.js';
import { FreshFile } from '../../src/store/fresh.js';
import { memorySource } from '../../src/source/source.js';
import { anyFormat, FORMATS } from '../format/formats.js';
import { anyRecords, heldBy, specFor } from '../build/build.js';
import { runs, SWEEP } from '../tools/effort.js';

/*
 * With more records than memory has room for, a builder makes the very file that it makes with room for all.
 */

const SEED = 20261125;

interface Made {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly hash: number;
}

/** A sink in memory with room for more, and how often that was used. */
function roomySink(): Sink & { bytes(): Uint8Array; spills: { isClosed: boolean }[] } {
  const sink = memorySink();
  const spills: { isClosed: boolean }[] = [];
  const spill = async (): Promise<Spill> => {
    const one = { isClosed: false };
    spills.push(one);
    return Object.assign(memorySink(), { close: async () => void (one.isClosed = true) });
  };
  return Object.assign(sink, { spill, spills });
}

async function buildWith(
  sink: Sink,
  records: readonly Made[],
  spec: ReturnType<typeof specFor>,
  held?: number,
) {
  const builder = new DatabaseBuilder(sink, spec, held);
  for (const { key, value, hash } of records) {
    await builder.add({
      hash,
      keySize: key.length,
      dataSize: value.length,
      bytes: Buffer.concat([key, value]),
    });
  }
  return builder.finish();
}

/** File offsets of the records to which a database's elements lead, in ascending order. */
async function offsetsIn(bytes: Uint8Array): Promise<number[]> {
  const db = await openDatabase(memorySource(bytes));
  assert.ok(db);
  const { format, geometry, directory } = db;
  const offsets: number[] = [];
  for (const at of new Set(directory)) {
    const bucket = new BucketView(
      bytes.subarray(at, at + geometry.bucketSize),
      format,
      geometry.bucketElements,
    );
    for (let i = 0; i < bucket.elements; i++) {
      if (bucket.hash(i) !== FREE_HASH) offsets.push(bucket.dataPointer(i));
    }
  }
  return offsets.sort((a, b) => a - b);
}

test('however few records are in memory, the same database is built', async () => {
  let spilled = 0;
  await fc.assert(
    fc.asyncProperty(
      anyFormat,
      anyRecords(200, 20),
      fc.integer({ min: 1, max: 120 }),
      // All over the hashes, or near each other, so that bins have very different numbers of them.
      fc.constantFrom(31, 12, 3),
      async (format, records, held, bits) => {
        const seen = new Set<string>();
        const distinct = records.filter(
          ({ key }) => seen.size < seen.add(Buffer.from(key).toString('hex')).size,
        );
        const made = distinct.map((one) => ({ ...one, hash: hashKey(one.key, 'signed') % 2 ** bits }));
        const spec = specFor(format);
        const [whole, roomy] = [memorySink(), roomySink()];
        const expected = await buildWith(whole, made, spec);
        const found = await buildWith(roomy, made, spec, held);
        if (expected.crowded === 0) {
          assert.equal(Buffer.compare(roomy.bytes(), whole.bytes()), 0);
          assert.deepEqual(found, expected);
        } else {
          // Crowded records count when spilled ones are divided into buckets, so that there may be more buckets.
          assert.deepEqual(await offsetsIn(roomy.bytes()), await offsetsIn(whole.bytes()));
          assert.deepEqual({ ...found, size: 0 }, { ...expected, size: 0 });
        }
        assert.ok(roomy.spills.every(({ isClosed }) => isClosed));
        spilled += roomy.spills.length;
      },
    ),
    { seed: SEED, numRuns: runs(60) },
  );
  assert.ok(spilled > (SWEEP ? 25 : 3), `${spilled} times not all were in memory`);
});

test('the room for what waits is given back also where the database cannot be finished', async () => {
  const sink = roomySink();
  const made = Array.from({ length: 20 }, (_, i) => {
    const key = Buffer.from(`key ${i}`);
    return { key, value: Buffer.alloc(0), hash: hashKey(key, 'signed') };
  });
  const broken = Object.assign(sink, {
    write: async (offset: number) => {
      if (offset > 0) throw new Error('no space');
    },
  });
  await assert.rejects(buildWith(broken, made, specFor(FORMATS[0]), 5), /no space/);
  assert.deepEqual(sink.spills, [{ isClosed: true }]);
});

test('of a key that comes again the first is kept, wherever the others wait', async () => {
  await fc.assert(
    fc.asyncProperty(anyRecords(150, 10), fc.integer({ min: 1, max: 60 }), async (records, held) => {
      const made = [...records, ...records].map((one) => ({ ...one, hash: hashKey(one.key, 'signed') }));
      const sink = roomySink();
      const result = await buildWith(sink, made, specFor(FORMATS[0]), held);
      const distinct = heldBy(records);
      assert.deepEqual([result.records, result.duplicates], [distinct.size, made.length - distinct.size]);
      // The records begin directly behind the header block, in the order in which they came.
      const bytes = records.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
      const offsets = await offsetsIn(sink.bytes());
      assert.ok(offsets.every((offset) => offset <= 512 + bytes));
      const checked = await check(memorySource(sink.bytes()));
      assert.deepEqual([checked.verdict, checked.records.count], ['healthy', distinct.size]);
    }),
    { seed: SEED, numRuns: runs(60) },
  );
});

test('a file that is made has room beside it that nobody sees, and none of it stays', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gdbm-doctor-spill-'));
  try {
    const records = Array.from({ length: 5000 }, (_, n) => {
      const key = Buffer.from(`key ${n}`);
      return { key, value: Buffer.from(`value ${n}`), hash: hashKey(key, 'signed') };
    });
    const target = join(folder, 'made.db');
    const fresh = await FreshFile.createBeside(target);
    const result = await buildWith(fresh, records, specFor(FORMATS[0], 512), 100);
    assert.deepEqual(await readdir(folder), [fresh.path.slice(folder.length + 1)]);
    const whole = memorySink();
    await buildWith(whole, records, specFor(FORMATS[0], 512));
    assert.equal(Buffer.compare(await readFile(fresh.path), whole.bytes()), 0);
    assert.equal(result.records, records.length);
    // Nor where the making is given up half-way.
    const other = await FreshFile.createBeside(target);
    const spill = await other.spill();
    await spill.write(0, new Uint8Array(10));
    await other.close();
    await fresh.close();
    assert.deepEqual(await readdir(folder), []);
    await spill.close();
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('parts have no more records than wanted where hashes are even, and end where a bucket does', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(40), { minLength: 64, maxLength: 64 }),
      fc.integer({ min: 1, max: 500 }),
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 0, max: 8 }),
      (bins, most, capacity, maxBits) => {
        const counts = Uint32Array.from(bins);
        const sum = (from: number, to: number) =>
          counts.subarray(from, to).reduce((all, one) => all + one, 0);
        const ends = divideBins(counts, most, { capacity, maxBits });
        assert.equal(ends.at(-1), 64);
        let begin = 0;
        for (const end of ends) {
          assert.ok(end > begin);
          if (end < 64) {
            const half = end & -end;
            assert.ok(sum(end - half, end + half) > capacity && 64 / half <= 2 ** maxBits, `${end}`);
          }
          // A part that is too large has no place inside where it could end.
          for (let bin = begin + 1; bin < end && sum(begin, end) > most; bin++) {
            const half = bin & -bin;
            const couldEnd = sum(bin - half, bin + half) > capacity && 64 / half <= 2 ** maxBits;
            assert.ok(!couldEnd, `${begin} to ${end} at ${bin}`);
          }
          begin = end;
        }
      },
    ),
    { seed: SEED, numRuns: runs(500) },
  );
});
