import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { memorySink } from '../../src/build/sink.js';
import type { CheckResult } from '../../src/check/check.js';
import { check, checkDatabase } from '../../src/check/check.js';
import type { Database } from '../../src/database/database.js';
import { openDatabase } from '../../src/database/database.js';
import { survey } from '../../src/database/survey.js';
import { describeFormat } from '../../src/format/format.js';
import { elementStruct } from '../../src/format/bucket.js';
import { offsetSize } from '../../src/format/layout.js';
import type { RebuildResult } from '../../src/rebuild.js';
import { foundDatabase, rebuild, verify } from '../../src/rebuild.js';
import { memorySource } from '../../src/source/memory.js';
import { anyRecords, build, specFor } from '../build/build.js';
import { anyFormat } from '../format/formats.js';
import type { Intact, StoredText } from './damage.js';
import { anyDamages, contentsOf, damage, elementAt, intactOf } from './damage.js';

const SEED = Number(process.env['SEED'] ?? 20261208);

interface Rebuilt {
  readonly db: Database;
  readonly checked: CheckResult;
  readonly built: RebuildResult;
  /** Of the fresh database, by the verification. */
  readonly after: CheckResult;
  readonly fresh: Uint8Array;
}

/** Rebuilds and verifies as a repair does; undefined where a repair refuses: there is nothing to rebuild. */
async function rebuildBytes(bytes: Uint8Array): Promise<Rebuilt | undefined> {
  const source = memorySource(bytes);
  const db = bytes.length === 0 ? undefined : await openDatabase(source);
  if (db === undefined) return undefined;
  const surveyed = await survey(db);
  const checked = await checkDatabase(db, surveyed);
  const { records } = checked;
  if (!foundDatabase(checked) || (records.uncovered === 1 && records.count === 0)) return undefined;
  const sink = memorySink();
  const built = await rebuild(db, surveyed, checked, sink);
  const fresh = sink.bytes();
  const after = await verify(db, surveyed, checked, built, memorySource(fresh));
  return { db, checked, built, after, fresh };
}

const anyDatabase = fc
  .record({
    format: anyFormat,
    blockSize: fc.constantFrom(512, 512, 1024),
    records: anyRecords(90, 600),
    hashChar: fc.constantFrom('signed' as const, 'unsigned' as const),
  })
  .map(({ format, blockSize, records, hashChar }) => ({
    what: `${describeFormat(format)}, ${blockSize}, ${hashChar}`,
    make: async () => (await build(records, specFor(format, blockSize, 7), hashChar)).bytes,
  }));

/** Whether a damaged copy differs from the original in a range. */
function isTouched(intact: Intact, damaged: Uint8Array, from: number, length: number): boolean {
  return (
    Buffer.compare(intact.bytes.subarray(from, from + length), damaged.subarray(from, from + length)) !== 0
  );
}

/** Whether nothing that leads to a record, or is part of it, was touched. */
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

/** Whether the damaged file is read by the same sizes and places as the original. */
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
    fc.asyncProperty(anyDatabase, anyDamages, async ({ make }, damages) => {
      const intact = await intactOf(await make());
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
    { seed: SEED, numRuns: Number(process.env['RUNS'] ?? 150) },
  );
  // Damage that leaves nothing would prove nothing.
  assert.ok(rebuilt > 100 && readAlike > 80 && whole > 1000, `${rebuilt}, ${readAlike}, ${whole}`);
});
