import assert from 'node:assert/strict';
import test from 'node:test';
import { openDatabase } from '../../src/database/database.js';
import { search } from '../../src/examine.js';
import { describeFormat } from '../../src/format/format.js';
import { reachesOver } from '../../src/orphans/reachover.js';
import { memorySource } from '../../src/source/source.js';
import { formats, miniDatabase } from '../torture/databases.js';
import { Random } from '../tools/random.js';

const intacts = formats('standard').map((format) =>
  miniDatabase(format, { blockSize: 512, seed: 11, records: 120, maxValue: 300 }),
);

/** A file, and a way to ask whether a record of its buckets lies over a place. */
async function asker(bytes: Uint8Array) {
  const db = await openDatabase(memorySource(bytes));
  assert.ok(db !== undefined);
  const { survey } = await search(db);
  return (place: number) => reachesOver(db, survey.sites, place);
}

test('a record lies over a place that has a byte of it before it and one behind it', async () => {
  for (const { bytes, records, format } of intacts) {
    const isOver = await asker(bytes);
    const random = new Random(1);
    const runs = [...records.values()].map(({ bytes: run }) => run).filter(({ length }) => length > 0);
    const places = Array.from({ length: 20 }, () => random.below(bytes.length));
    // The two ends of a record, and what is beside them.
    for (let n = 0; n < 5; n++) {
      const { at, length } = random.pick(runs);
      places.push(at, at + 1, at + length - 1, at + length);
    }
    for (const place of places) {
      const truth = runs.some(({ at, length }) => at < place && at + length > place);
      assert.equal(await isOver(place), truth, `${describeFormat(format)}, ${place}`);
    }
  }
});

test('where the key of a record is not, the record lies over nothing', async () => {
  for (const { bytes, records, format } of intacts) {
    const one = [...records.values()].find(({ key, bytes: { length } }) => key.length > 4 && length > 40)!;
    const { at } = one.bytes;
    const damaged = Uint8Array.from(bytes).fill(0, at, at + one.key.length);
    const place = at + one.bytes.length - 1;
    assert.equal(await (await asker(bytes))(place), true, describeFormat(format));
    assert.equal(await (await asker(damaged))(place), false, describeFormat(format));
  }
});
