import assert from 'node:assert/strict';
import test from 'node:test';
import { sample, SWEEP } from '../tools/effort.js';
import { Random } from '../tools/random.js';
import { MiniGdbm } from '../tools/minigdbm.js';
import type { Step } from '../tools/libgdbm.js';
import { checkDatabase } from '../../src/check/check.js';
import { mayBeCut } from '../../src/database/database.js';
import { Lookup } from '../../src/read/lookup.js';
import { check, openSearched } from '../../src/examine.js';
import { keptRecords } from '../../src/read/records.js';
import { salvage } from '../../src/salvage/salvage.js';
import { memorySource } from '../../src/source/source.js';
import type { Damaged } from './damaged.js';
import { formats, miniDatabase, NATIVE } from './databases.js';
import { damagedCopy, tryRepair } from './judge.js';
import type { Intact } from './intact.js';
import { intactOf } from './intact.js';
import { historyOf, latin1 } from './life.js';
import type { Model } from './models.js';

/*
 * Sectors that are missing from the middle of a bucket, or are there twice. Keys are of one size, so that an element with the
 * beginning of one and the end of another one leads to a key that is right and to a value that is not.
 */

const SECTOR = 512;
const BUCKET = 4096;

function databaseOf(seed: number): Intact {
  const random = new Random(seed);
  const held = new Set<number>();
  const steps: Step[] = [];
  for (let n = 0; n < 2200; n++) {
    const number = random.below(1800);
    const key = Buffer.from(`key${String(number).padStart(5, '0')}`);
    if (held.has(number) && random.below(5) === 0) {
      steps.push(['delete', key]);
      held.delete(number);
    } else {
      steps.push(['store', key, random.bytes(10 + random.below(190))]);
      held.add(number);
    }
  }
  const bytes = new MiniGdbm({ format: NATIVE, blockSize: BUCKET }).run(steps).bytes();
  const history = historyOf(steps);
  return intactOf({
    name: 'keys of one size',
    bytes,
    format: NATIVE,
    hashChar: 'signed',
    history,
    other: undefined,
  });
}

const intact = databaseOf(3);
/** 1536 and 3072 bytes are so many elements of 24 bytes: all that follows is at places of elements. */
const SECTORS = [512, 1024, 1536, 3072];

interface Kind {
  readonly name: string;
  readonly sizes: readonly number[];
  /** Survivors at the place itself that may be given up: where it is cannot be told more exactly. */
  readonly doubtful: number;
  readonly damage: (file: Damaged, at: number, size: number) => void;
}

const twice = (file: Damaged, at: number, size: number) => file.insert(at, file.bytes.slice(at, at + size));

const KINDS: readonly Kind[] = [
  {
    name: 'sectors are missing',
    sizes: SECTORS,
    doubtful: 0,
    damage: (file, at, size) => file.drop(at, size),
  },
  { name: 'sectors are there twice', sizes: SECTORS, doubtful: 0, damage: twice },
  {
    name: 'sectors of zeroes were put in',
    sizes: SECTORS,
    doubtful: 0,
    damage: (file, at, size) => file.insert(at, new Uint8Array(size)),
  },
  // Each place between the first of these bytes and the end of the last gives the same file: the cut may be in one element
  // or in its neighbour.
  {
    name: 'bytes are there twice that are no sectors',
    sizes: [3855, 61, 700, 4126],
    doubtful: 2,
    damage: (file, at, size) => twice(file, at + 131, size),
  },
];

/** Each sector of some buckets, with sizes that take turns. */
function placesIn(buckets: readonly number[], sizes: readonly number[]) {
  const starts = buckets.flatMap((bucket) => {
    return Array.from({ length: BUCKET / SECTOR }, (_, i) => ({ bucket, at: bucket + i * SECTOR }));
  });
  return starts.map((start, n) => ({ ...start, size: sizes[n % sizes.length] }));
}

for (const [turn, { name, sizes, doubtful, damage }] of KINDS.entries()) {
  test(`where ${name} in a bucket no value is another one's, and at most ${doubtful} survivors are lost`, async () => {
    const faults: string[] = [];
    let n = 0;
    // Not each size at each place: it takes long.
    const buckets = intact.buckets.filter((_, i) => i % 2 === 0 || i === intact.buckets.length - 1);
    for (const { bucket, at, size } of sample(placesIn(buckets, sizes), 2, turn)) {
      n++;
      const damaged = damagedCopy(intact, [{ name, damage: (file) => damage(file, at, size) }], 0);
      const { score, fault } = await tryRepair(intact, damaged);
      const { lost, lostMoved, wrong, changed, invented } = score;
      const isAllowed = lost.length + lostMoved.length <= doubtful && wrong.length + invented.length === 0;
      if (changed > 0 || !isAllowed)
        faults.push(
          `${size} bytes at ${at - bucket} of the bucket at ${bucket}: ${fault}, ${changed} changed`,
        );
    }
    assert.ok(n >= 2, `${n} places`);
    assert.deepEqual(faults, []);
  });
}

test('what a dump walks through, and what a lookup finds, is what a check counts and what was stored', async () => {
  let cut = 0;
  for (const [turn, { name, sizes, damage }] of KINDS.entries()) {
    const buckets = intact.buckets.filter((_, i) => i % 3 === 0);
    for (const { bucket, at, size } of sample(placesIn(buckets, sizes), 1, turn)) {
      const place = `${name}, ${size} bytes at ${at - bucket} of the bucket at ${bucket}`;
      const damaged = damagedCopy(intact, [{ name, damage: (file) => damage(file, at, size) }], 0);
      const found = await openSearched(memorySource(damaged.bytes));
      if (found?.db.layout === undefined) continue;
      cut++;
      const { db, survey } = found;
      const textAt = async (offset: number, length: number) => latin1(await db.source.read(offset, length));
      let walked = 0;
      for await (const { count, offsets, keySizes, dataSizes } of keptRecords(found)) {
        for (let i = 0; i < count; i++, walked++) {
          const key = await textAt(offsets[i], keySizes[i]);
          const value = await textAt(offsets[i] + keySizes[i], dataSizes[i]);
          assert.equal(value, intact.records.get(key)?.value, place);
        }
      }
      assert.equal(walked, (await checkDatabase(db, survey)).records.count, place);
      const lookup = new Lookup(found);
      for (const [key, { value }] of intact.records) {
        const one = await lookup.find(Buffer.from(key, 'latin1'));
        if (one === undefined || mayBeCut(db, one.valueOffset, one.valueOffset + one.valueSize)) continue;
        assert.equal(await textAt(one.valueOffset, one.valueSize), value, place);
      }
    }
  }
  assert.ok(cut >= (SWEEP ? 80 : 3), `${cut} places`);
});

test('of a bucket that lost a sector as many elements are told to be gone as were in use there', async () => {
  let cut = 0;
  for (const bucket of sample(intact.buckets.slice(0, 8), 1)) {
    for (let at = bucket + SECTOR; at < bucket + BUCKET; at += SECTOR) {
      const damaged = damagedCopy(intact, [{ name: '', damage: (file) => file.drop(at, SECTOR) }], 0);
      const { findings, records } = await check(memorySource(damaged.bytes));
      const gone = [...intact.records.values()].filter(
        ({ element }) => element.at < at + SECTOR && element.at + element.length > at,
      ).length;
      const isPlaced = findings.some(({ code, offset }) => code === 'bytes-missing' && offset === at);
      // If the last elements are free, the place may be behind them, or in the bucket that follows.
      if (!isPlaced) continue;
      cut++;
      assert.equal(records.rejected.missing ?? 0, gone, `${at - bucket} of the bucket at ${bucket}`);
      assert.equal(findings.filter(({ code }) => code === 'bucket-cut').length, gone > 0 ? 1 : 0);
      assert.ok(!findings.some(({ code }) => code === 'key-hash' || code === 'bucket-count'));
    }
  }
  assert.ok(cut > (SWEEP ? 30 : 3), `${cut} places`);
});

test('of a bucket whose head is gone about as many elements are told to be gone as were in use there', async () => {
  let cut = 0;
  let toldOf = 0;
  let goneOf = 0;
  for (const bucket of sample(intact.buckets, 4)) {
    const damaged = damagedCopy(intact, [{ name: '', damage: (file) => file.drop(bucket, 2 * SECTOR) }], 0);
    const { findings, records } = await check(memorySource(damaged.bytes));
    if (!findings.some(({ code }) => code === 'bucket-cut')) continue;
    cut++;
    const gone = [...intact.records.values()].filter(
      ({ element }) => element.at < bucket + 2 * SECTOR && element.at + element.length > bucket,
    ).length;
    const told = records.rejected.missing ?? 0;
    assert.ok(Math.abs(told - gone) <= gone / 2, `${told} of ${gone} in the bucket at ${bucket}`);
    toldOf += told;
    goneOf += gone;
  }
  assert.ok(Math.abs(toldOf - goneOf) <= goneOf / 6, `${toldOf} of ${goneOf}`);
  assert.ok(cut >= (SWEEP ? 5 : 3), `${cut} buckets`);
});

/** Buckets as large as many blocks, and the last ones of them without a record behind. */
function largeBuckets(): Intact {
  const random = new Random(1);
  const steps = Array.from({ length: 15_000 }, (_, n): Step => {
    return ['store', Buffer.from(`key${String(n).padStart(7, '0')}`), random.bytes(8)];
  });
  const bytes = new MiniGdbm({ format: NATIVE, blockSize: 1 << 14 }).run(steps).bytes();
  const history = historyOf(steps);
  const found = { name: 'large buckets', bytes, format: NATIVE, history, other: undefined };
  return intactOf({ ...found, hashChar: 'signed' });
}

test('in the last buckets, behind which no record tells of it, a fault is found by where elements belong', async () => {
  const large = largeBuckets();
  const { buckets, records } = large;
  const last = buckets[buckets.length - 1];
  const lastRecord = Math.max(...Array.from(records.values(), ({ bytes }) => bytes.at));
  const behind = buckets.filter((bucket) => bucket > lastRecord);
  assert.ok(behind.length >= 3, `${behind.length} buckets behind the last record`);
  const middle = behind[behind.length >> 1];
  const damages: (Model & { readonly doubtful?: number })[] = [
    { name: 'a sector of the last one is missing', damage: (file) => file.drop(last + 1024, SECTOR) },
    // Such a number of bytes may be missing from any place of an element.
    {
      name: 'no whole sector of the last one is missing',
      doubtful: 1,
      damage: (file) => file.drop(last + 3000, 513),
    },
    { name: 'bytes of the last one are there twice', damage: (file) => twice(file, last + 3000, 513) },
    { name: 'a sector is missing of one of several', damage: (file) => file.drop(middle + 1024, SECTOR) },
  ];
  for (const damage of sample(damages, 1)) {
    const { score } = await tryRepair(large, damagedCopy(large, [damage], 0));
    const { lost, lostMoved, wrong, invented, changed } = score;
    assert.ok(lost.length + lostMoved.length <= (damage.doubtful ?? 0), `${damage.name}: ${lost.join()}`);
    assert.deepEqual([wrong, invented, changed], [[], [], 0], damage.name);
  }
});

test('where blocks of the beginning stand elsewhere, and the beginning is lost, they come back and all commands keep the same', async () => {
  const model: Model = {
    name: 'blocks of the beginning swapped with later ones, and then the beginning missing',
    damage: (file, { header: { block_size: size } }, random) => {
      const count = Math.floor(file.bytes.length / size);
      const missing = 2 + random.below(Math.floor(count / 4));
      for (let n = random.below(3); n >= 0; n--) {
        const [early, late] = [1 + random.below(missing - 1), missing + random.below(count - missing)];
        file.swap(early * size, late * size, size);
      }
      file.dropFirst(missing * size);
    },
  };
  const spec = { blockSize: 512, seed: 900, records: 900, maxValue: 200 };
  let arranged = 0;
  for (const format of sample([NATIVE, formats('numsync')[1]], 1)) {
    const mini = miniDatabase(format, spec);
    for (let seed = 1; seed <= (SWEEP ? 12 : 1); seed++) {
      const damaged = damagedCopy(mini, [model], seed);
      const found = await openSearched(memorySource(damaged.bytes));
      if (found === undefined || found.db.layout === undefined) continue;
      arranged++;
      const { count } = (await checkDatabase(found.db, found.survey)).records;
      let walked = 0;
      for await (const batch of keptRecords(found)) walked += batch.count;
      let salvaged = 0;
      for await (const batch of salvage(found.db, found.survey)) salvaged += batch.length;
      assert.deepEqual([walked, salvaged], [count, count], `${mini.name}, seed ${seed}`);
      const { lost, lostMoved, wrong, changed } = (await tryRepair(mini, damaged)).score;
      assert.deepEqual([lost, lostMoved, wrong, changed], [[], [], [], 0], `${mini.name}, seed ${seed}`);
    }
  }
  assert.ok(arranged >= (SWEEP ? 8 : 1), `${arranged} files`);
});
