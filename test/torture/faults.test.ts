import assert from 'node:assert/strict';
import test from 'node:test';
import { check } from '../../src/examine.js';
import { elementStruct } from '../../src/format/bucket.js';
import { describeFormat } from '../../src/format/format.js';
import { headerStruct } from '../../src/format/header.js';
import { member } from '../../src/format/struct.js';
import { memorySource } from '../../src/source/source.js';
import { sample } from '../tools/effort.js';
import type { Step } from '../tools/libgdbm.js';
import { MiniGdbm } from '../tools/minigdbm.js';
import { Random } from '../tools/random.js';
import { formats, miniDatabase } from './databases.js';
import type { Damaged } from './damaged.js';
import { intactOf } from './intact.js';
import { damagedCopy, tryRepair } from './judge.js';
import { historyOf } from './life.js';
import type { Model } from './models.js';
import { setNumber } from './models.js';
import { seedFor } from './settings.js';

/*
 * Bytes that are missing behind the header, or were put in: how the place is found. The rows of such damage tell what comes
 * back.
 */

const SECTOR = 512;
/** Records behind the place. */
const FEW = 3;

const MINI = { blockSize: 512, seed: seedFor('mini') };
const usual = [
  ...formats('standard').map((format) => miniDatabase(format, { ...MINI, records: 700, maxValue: 300 })),
  ...formats('numsync').map((format) => miniDatabase(format, { ...MINI, records: 120, maxValue: 900 })),
];
const minis = [
  ...usual,
  ...formats('standard').map((format) =>
    miniDatabase(format, { ...MINI, records: 300, maxValue: 300, left: 0.1 }),
  ),
];

test('where blocks changed places, too, no fault is taken for all that is wrong', async () => {
  const spec = { ...MINI, seed: 8, blockSize: 1024, records: 200, maxValue: 900 };
  const intact = miniDatabase(formats('numsync')[0], spec);
  const model: Model = {
    name: 'blocks swapped, and random ones put in',
    damage: (file, { header }, random) => {
      const { block_size: size } = header;
      const count = Math.floor(file.bytes.length / size);
      for (let n = 1 + random.below(4); n > 0; n--) {
        const [a, b] = [1 + random.below(count - 1), 1 + random.below(count - 1)];
        if (a !== b) file.swap(a * size, b * size, size);
      }
      const at = 1 + random.below(count - 2);
      file.insert(at * size, random.bytes(size * (1 + random.below(3))));
    },
  };
  // Seeds of files whose size with the bytes that seem to have been put in is what the header says.
  for (const seed of [702292, 709104]) {
    const { score } = await tryRepair(intact, damagedCopy(intact, [model], seed));
    const { lost, lostMoved, wrong, invented } = score;
    assert.deepEqual([lost, lostMoved, wrong, invented], [[], [], [], []], `${seed}`);
  }
});

test('where few records are behind a place that lost a sector, what the header says of the size is enough', async () => {
  let tried = 0;
  for (const intact of sample(minis, 9)) {
    const { size, records } = { size: intact.bytes.length, records: [...intact.records.values()] };
    records.sort((a, b) => b.bytes.at - a.bytes.at);
    for (const [behind, { bytes }] of records.slice(0, FEW).entries()) {
      const at = SECTOR * (Math.floor(bytes.at / SECTOR) + 1);
      // Behind the last record nothing tells where it is.
      const isInside = at < bytes.at + bytes.length && at + SECTOR < size;
      if (behind === 0 || !isInside || records[behind - 1].bytes.at < at + SECTOR) continue;
      for (const model of [
        { name: 'missing', damage: (file: Damaged) => file.drop(at, SECTOR) },
        { name: 'put in', damage: (file: Damaged) => file.insert(at, new Uint8Array(SECTOR)) },
      ]) {
        const { score } = await tryRepair(intact, damagedCopy(intact, [model], 0));
        const { wrong, changed, lost, lostMoved } = score;
        assert.deepEqual([wrong, changed], [[], 0], `${intact.name}, ${model.name} at ${at}`);
        assert.ok(lost.length + lostMoved.length <= FEW, `${intact.name}, ${model.name} at ${at}`);
        tried++;
      }
    }
  }
  assert.ok(tried >= 6, `${tried} places`);
});

test('where keys are whole numbers, which begin with zeros, a lost sector costs only the records in it', async () => {
  for (const format of sample(formats('standard'), 2)) {
    const random = new Random(5);
    const steps = Array.from({ length: 600 }, (_, n): Step => {
      const key = Buffer.alloc(8);
      key.writeBigUInt64BE(BigInt(n));
      return ['store', key, random.bytes(20 + random.below(200))];
    });
    const bytes = new MiniGdbm({ format, blockSize: 512 }).run(steps).bytes();
    const intact = intactOf({
      name: describeFormat(format),
      bytes,
      format,
      hashChar: 'signed',
      history: historyOf(steps),
      other: undefined,
    });
    const at = SECTOR * Math.floor(bytes.length / 2 / SECTOR);
    const model = { name: 'a sector missing', damage: (file: Damaged) => file.drop(at, SECTOR) };
    const { score } = await tryRepair(intact, damagedCopy(intact, [model], 0));
    const { survivors, lost, lostMoved, wrong } = score;
    assert.ok(survivors > 250, `${survivors} survivors`);
    assert.deepEqual([lost.length + lostMoved.length <= 2, wrong], [true, []], intact.name);
  }
});

test('an old copy just before a record that was never written is not taken for it', async () => {
  let tried = 0;
  for (const intact of usual) {
    const { format } = intact;
    const last = [...intact.records.values()].reduce((a, b) => (a.bytes.at > b.bytes.at ? a : b));
    const distance = SECTOR * Math.ceil(last.bytes.length / SECTOR);
    // The header and the element were written, and then the machine stopped: the file is as long as it was.
    const stopped: Model = {
      name: 'stopped before the data was written',
      damage: (file) => {
        file.truncate(last.bytes.at + last.bytes.length);
        const pointer = member(elementStruct(format.layout), 'data_pointer').offset;
        const nextBlock = member(headerStruct(format.layout), 'next_block').offset;
        const end = last.bytes.at + last.bytes.length;
        setNumber(file, intact, last.element.at + pointer, 'off_t', last.bytes.at + distance);
        setNumber(file, intact, nextBlock, 'off_t', end + distance);
      },
    };
    const { bytes } = damagedCopy(intact, [stopped], 0);
    const { records } = await check(memorySource(bytes));
    assert.deepEqual(records.rejected, { bounds: 1 }, intact.name);
    assert.equal(records.count, intact.records.size - 1, intact.name);
    tried++;
  }
  assert.equal(tried, usual.length);
});
