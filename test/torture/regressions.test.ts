import assert from 'node:assert/strict';
import test from 'node:test';
import { describeFormat } from '../../src/format/format.js';
import { modelsNamed } from './combine.js';
import { sample } from '../tools/effort.js';
import { testWith } from '../tools/needs.js';
import { formats, miniDatabase, realDatabase } from './databases.js';
import { damagedCopy, tryRepair } from './judge.js';

/** Failures of other seeds: the seed of the database, and that of its damage. */
const CASES = [
  // A directory read from a wrong place leads to whole buckets, which belong to other slots.
  {
    models: ['header field wrong: dir_bits', 'header field wrong: dir'],
    database: 'little-endian, 64-bit offsets (4-byte aligned), standard',
    made: 1798636569,
    seed: 217835844,
  },
  // A wrong entry leads into a record in force: no bucket is lost there.
  {
    models: ['directory entries wrong'],
    database: 'big-endian, 64-bit offsets, standard',
    made: 1242976310,
    seed: 768694446,
  },
  // A wrong entry leads to the bucket of other slots: it says nothing of the bucket that is lost.
  {
    models: ['directory entries wrong'],
    database: 'big-endian, 64-bit offsets, numsync',
    made: 1329868331,
    seed: 2028671459,
  },
  // One long key is evidence of a moved block; old copies and short keys agree with it.
  {
    models: ['blocks swapped'],
    database: 'big-endian, 64-bit offsets (4-byte aligned), numsync',
    made: 1571626202,
    seed: 334633087,
  },
  // A bucket and a block of records stand in each other's place.
  {
    models: ['blocks swapped'],
    database: 'little-endian, 64-bit offsets, standard',
    made: 1571626202,
    seed: 439883980,
  },
  // A bucket stands where half of the directory belongs.
  {
    models: ['blocks swapped'],
    database: 'little-endian, 64-bit offsets (4-byte aligned), standard',
    made: 1185204436,
    seed: 1936917709,
  },
  // Half of the directory is gone, and another block stands there.
  {
    models: ['blocks swapped'],
    database: 'big-endian, 64-bit offsets (4-byte aligned), standard',
    made: 1386332571,
    seed: 235765134,
  },
  // The directory, in one block, stands in another block's place.
  {
    models: ['blocks swapped'],
    database: 'little-endian, 32-bit offsets, numsync',
    made: 1357306205,
    seed: 1475495921,
  },
  // Two elements of different times lead to different places for one key.
  {
    models: ['blocks swapped'],
    database: 'big-endian, 64-bit offsets, standard',
    made: 1761538422,
    seed: 1496289338,
  },
  // Sizes of keys in damaged elements are so large that nothing else is looked for.
  {
    models: ['blocks swapped'],
    database: 'little-endian, 64-bit offsets, numsync',
    made: 1386332571,
    seed: 210907277,
  },
  // Blocks that changed places in a file whose beginning is missing.
  {
    models: ['blocks swapped', 'buckets lost', 'blocks of the beginning missing'],
    database: 'big-endian, 64-bit offsets (4-byte aligned), standard',
    made: 2114458297,
    seed: 471327868,
  },
  // Two files' blocks, and keys that are a whole number of blocks away from where they are as well: nothing moved.
  {
    models: ["two files' blocks mixed"],
    database: 'big-endian, 64-bit offsets, numsync',
    made: 1571626202,
    seed: 1498481575,
  },
  // A directory's sector has other bytes instead of entries, and one of them is a possible offset by chance.
  {
    models: ['blocks swapped'],
    database: 'little-endian, 64-bit offsets, standard',
    made: 1371383076,
    seed: 1611781026,
  },
  // The rest of a bucket that was split shares as many hash bits as the whole one in force.
  {
    models: ['truncated anywhere'],
    database: 'big-endian, 64-bit offsets, numsync',
    made: 1385804958,
    seed: 1256274617,
  },
  // A bucket that the end of the file cuts in two.
  {
    models: ['truncated anywhere'],
    database: 'little-endian, 64-bit offsets, standard',
    made: 1378361282,
    seed: 2043640862,
  },
  // A head says that a bucket is for all hashes, and its hashes share six bits.
  {
    models: ['header and directory lost', 'bucket headers wrong', 'header field wrong: dir_size'],
    database: 'little-endian, 64-bit offsets, numsync',
    made: 2114458297,
    seed: 2049523144,
  },
  // Keys that were in the missing beginning do not speak against their bucket.
  {
    models: ['directory lost', 'some bytes of the beginning missing', 'avail chain wrong'],
    database: 'little-endian, 32-bit offsets, standard',
    made: 1332440538,
    seed: 537438694,
  },
  // Three fields of the header are wrong, the block size among them.
  {
    models: ['avail block wrong', 'several header fields wrong', 'header field wrong: dir'],
    database: 'little-endian, 32-bit offsets, standard',
    made: 363079152,
    seed: 676429574,
  },
  // Two elements left of a bucket that the end of the file cuts in two, each of which says that it began elsewhere.
  {
    models: ['truncated anywhere'],
    database: 'big-endian, 64-bit offsets (4-byte aligned), standard',
    made: 1991810942,
    seed: 318704547,
  },
  // A whole bucket in force, all of whose keys were cut off: what it does not know was deleted.
  {
    models: ['truncated anywhere'],
    database: 'little-endian, 64-bit offsets (4-byte aligned), numsync',
    made: 1991810942,
    seed: 1976375212,
  },
  // The header's number of elements is just that of the other layout, and no directory says otherwise.
  {
    models: [
      'header field wrong: bucket_elems',
      'header field wrong: next_block',
      'truncated anywhere',
      'sectors randomised',
    ],
    database: 'big-endian, 64-bit offsets (4-byte aligned), standard',
    made: 1571626202,
    seed: 1676503225,
  },
  // Blocks that changed places after the file's beginning was cut off.
  {
    models: ['some bytes of the beginning missing', 'blocks swapped'],
    database: 'big-endian, 64-bit offsets, numsync',
    made: 1710165628,
    seed: 939530107,
  },
  // One block of a bucket was moved to which the directory points.
  {
    models: ['some bytes of the beginning missing', 'blocks swapped'],
    database: 'big-endian, 64-bit offsets (4-byte aligned), numsync',
    made: 1710165628,
    seed: 1531831907,
  },
  // Entries lead behind the end that was cut off, and no header says where that was: what they say is still true.
  {
    models: ['header block lost', 'truncated anywhere'],
    database: 'big-endian, 64-bit offsets (4-byte aligned), numsync',
    made: 1482882632,
    seed: 86067081,
  },
  // Two buckets are for the same hashes, and the other file's has more of its keys: the blocks of the keys decide.
  {
    models: ["two files' blocks mixed"],
    database: 'little-endian, 64-bit offsets, standard',
    made: 1285005037,
    seed: 321361051,
  },
];

const allFormats = [...formats('standard'), ...formats('numsync')];

for (const { models, database, made, seed } of sample(CASES, 18)) {
  test(`${models.join(', ')}, seed ${seed}: every record still there comes back`, async () => {
    const format = allFormats.find((one) => describeFormat(one) === database)!;
    const intact = miniDatabase(format, { blockSize: 512, seed: made, records: 700, maxValue: 300 });
    const { fault, score } = await tryRepair(intact, damagedCopy(intact, modelsNamed(models), seed));
    assert.equal(fault, undefined);
    assert.equal(score.recalled, score.survivors);
  });
}

test("two files' blocks mixed, seed 1186306467: what is in force without a rival speaks against the other file's", async () => {
  const format = allFormats.find(
    (one) => describeFormat(one) === 'little-endian, 64-bit offsets (4-byte aligned), numsync',
  )!;
  const intact = miniDatabase(format, { blockSize: 512, seed: 1571626202, records: 700, maxValue: 300 });
  const damaged = damagedCopy(intact, modelsNamed(["two files' blocks mixed"]), 1186306467);
  const { score } = await tryRepair(intact, damaged);
  // Four records of four buckets are lost; without that rule, 26.
  assert.ok(score.survivors - score.recalled <= 4, `${score.recalled} of ${score.survivors}`);
});

testWith(
  'libgdbm',
  "two files' blocks of the real library, seed 590258154: blocks far from the directory are told apart, too",
  async () => {
    const spec = { seed: 1571626202, records: 3000, huge: 3, maxValue: 8000, blockSize: 512 };
    const intact = await realDatabase(spec);
    const damaged = damagedCopy(intact, modelsNamed(["two files' blocks mixed"]), 590258154);
    const { score } = await tryRepair(intact, damaged);
    // Without that 13 are lost and 2 wrong; where a few blocks believe only each other, 28 are lost.
    assert.equal(score.recalled, score.survivors);
  },
);
