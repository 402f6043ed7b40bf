import assert from 'node:assert/strict';
import test from 'node:test';
import { memorySink } from '../../src/write/sink.js';
import { checkDatabase } from '../../src/check/check.js';
import { openSearched } from '../../src/examine.js';
import { open } from '../../src/examine.js';
import { keptRecords } from '../../src/read/records.js';
import { salvagedContents } from '../../src/write/contents.js';
import { writeFresh } from '../../src/write/write.js';
import { memorySource } from '../../src/source/source.js';
import { text } from '../build/build.js';
import { SWEEP } from '../tools/effort.js';
import { Random } from '../tools/random.js';
import { LITTLE, smallDatabases, walkedOf, whateverTheDamage } from './walked.js';

/** The records that are written of a damaged database. */
async function kept(bytes: Uint8Array): Promise<[string, string][] | undefined> {
  const database = await open(memorySource(bytes));
  if (database === undefined) return undefined;
  const found: [string, string][] = [];
  for await (const batch of keptRecords(database, { limits: LITTLE })) {
    for (let i = 0, end = 0; i < batch.count; i++) {
      const [start, keySize] = [batch.starts[i], batch.keySizes[i]];
      const size = keySize + batch.dataSizes[i];
      // Those that are held lie behind each other, as a batch has them.
      if (start >= 0) assert.equal(start, end);
      if (start >= 0) end += size;
      const record =
        start < 0
          ? await batch.source.read(batch.offsets[i], size)
          : batch.bytes.subarray(start, start + size);
      found.push([text(record.subarray(0, keySize)), text(record.subarray(keySize))]);
    }
  }
  return found;
}

/** The records that a repair would keep. */
async function repaired(bytes: Uint8Array): Promise<[string, string][] | undefined> {
  const searched = await openSearched(memorySource(bytes));
  if (searched === undefined) return undefined;
  const { db, survey } = searched;
  const checked = await checkDatabase(db, survey);
  const sink = memorySink();
  await writeFresh(salvagedContents(searched, checked), sink);
  return (await walkedOf(sink.bytes()))!.found;
}

test('so it is where bytes are missing from the middle, or were put into it', async () => {
  let cut = 0;
  const random = new Random(7);
  for (const { bytes } of smallDatabases('kept').values()) {
    for (let n = 0; n < 6; n += SWEEP ? 1 : 2) {
      const at = 1024 + random.below(bytes.length - 2048);
      const count = [7, 512, 700][n % 3];
      const damaged = Buffer.concat(
        n < 3
          ? [bytes.subarray(0, at), bytes.subarray(at + count)]
          : [bytes.subarray(0, at), random.bytes(count), bytes.subarray(at)],
      );
      const searched = await openSearched(memorySource(damaged));
      if (searched?.db.layout !== undefined) cut++;
      assert.deepEqual(sorted((await kept(damaged))!), sorted((await repaired(damaged))!), `${at} ${count}`);
    }
  }
  assert.ok(cut > (SWEEP ? 10 : 5), `${cut} were read as they were`);
});

const sorted = (records: readonly [string, string][]) => records.map((one) => JSON.stringify(one)).sort();

test('whatever the damage, just what a repair would keep is written, and no key twice', async () => {
  let files = 0;
  let fewer = 0;
  await whateverTheDamage(smallDatabases('kept'), 100, async (bytes) => {
    const found = await kept(bytes);
    const rebuilt = await repaired(bytes);
    if (found === undefined || rebuilt === undefined) return;
    assert.equal(new Set(found.map(([key]) => key)).size, found.length);
    assert.deepEqual(sorted(found), sorted(rebuilt));
    files++;
    if ((await walkedOf(bytes))!.found.length > found.length) fewer++;
  });
  assert.ok(files > (SWEEP ? 30 : 8) && fewer > 0, `${files} files, of ${fewer} something was left out`);
});
