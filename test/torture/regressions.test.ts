import assert from 'node:assert/strict';
import test from 'node:test';
import { formats, miniDatabase } from './databases.js';
import { damagedCopy, tryRepair } from './judge.js';
import { MODELS } from './models.js';

/** What other seeds once found, each with the seed of its damage. */
const CASES = [
  // A directory read from a wrong place leads to whole buckets, which belong to other slots.
  {
    model: 'header field wrong: dir',
    database: 'little-endian, 64-bit offsets (4-byte aligned), standard',
    seed: 1785383033,
  },
  {
    model: 'header field wrong: dir',
    database: 'big-endian, 64-bit offsets (4-byte aligned), standard',
    seed: 1013392763,
  },
  // A wrong entry leads into a record in force: no bucket is lost there.
  { model: 'directory entries wrong', database: 'big-endian, 64-bit offsets, standard', seed: 768694446 },
];

const SPEC = { blockSize: 512, seed: 1242976310, records: 700, maxValue: 300 };
const databases = formats('standard').map((format) => miniDatabase(format, SPEC));

for (const { model: name, database, seed } of CASES) {
  test(`${name}, seed ${seed}: every record still there comes back`, async () => {
    const intact = databases.find((one) => one.name === database)!;
    const model = MODELS.find((one) => one.name === name)!;
    const { fault, score } = await tryRepair(intact, damagedCopy(intact, [model], seed));
    assert.equal(fault, undefined);
    assert.equal(score.recalled, score.survivors);
  });
}
