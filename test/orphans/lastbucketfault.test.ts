import assert from 'node:assert/strict';
import test from 'node:test';
import { openDatabase } from '../../src/database/database.js';
import { openSearched, search } from '../../src/examine.js';
import { describeFormat } from '../../src/format/format.js';
import { findLastBucketFault } from '../../src/orphans/lastbucketfault.js';
import { memorySource } from '../../src/source/source.js';
import type { Damaged } from '../torture/damaged.js';
import { formats } from '../torture/databases.js';
import type { Intact } from '../torture/intact.js';
import { intactOf } from '../torture/intact.js';
import { damagedCopy, tryRepair } from '../torture/judge.js';
import { historyOf } from '../torture/life.js';
import type { Model } from '../torture/models.js';
import { sample } from '../tools/effort.js';
import type { Step } from '../tools/libgdbm.js';
import { MiniGdbm } from '../tools/minigdbm.js';

const SECTOR = 512;
const BLOCK = 4096;

/** Databases whose last buckets have no record behind them: those that were there are deleted. */
const intacts = formats('standard').map((format): Intact => {
  const steps = Array.from({ length: 1200 }, (_, n): Step => {
    return ['store', Buffer.from(`key${String(n).padStart(5, '0')}`), Buffer.from(`${n}`)];
  });
  const make = (some: readonly Step[]) => {
    const bytes = new MiniGdbm({ format, blockSize: BLOCK }).run(some).bytes();
    const made = { bytes, format, history: historyOf(some), other: undefined };
    return intactOf({ ...made, name: describeFormat(format), hashChar: 'signed' });
  };
  const { buckets, records } = make(steps);
  const last = buckets[buckets.length - 1];
  const behind = [...records.values()].filter(({ bytes }) => bytes.at > last);
  return make([...steps, ...behind.map(({ key }): Step => ['delete', Buffer.from(key)])]);
});

/** Damages at some bytes of the last bucket, and the number of survivors that each may cost. */
const DAMAGES: readonly {
  readonly name: string;
  readonly places: readonly number[];
  readonly doubtful: number;
  readonly damage: (file: Damaged, at: number, last: number) => void;
}[] = [
  {
    name: 'a sector is missing',
    places: [0, 512, 2048],
    doubtful: 0,
    damage: (file, at) => file.drop(at, SECTOR),
  },
  {
    name: 'a sector is missing, and the end of the file, too,',
    places: [512, 2048],
    doubtful: 0,
    damage: (file, at) => {
      file.drop(at, SECTOR);
      file.truncate(file.bytes.length - SECTOR);
    },
  },
  // Then the bucket ends behind the file.
  {
    name: 'a sector is missing, and all that is behind the bucket,',
    places: [512, 2048],
    doubtful: 0,
    damage: (file, at, last) => {
      file.drop(at, SECTOR);
      file.truncate(last + BLOCK - SECTOR);
    },
  },
  {
    name: 'a sector is there twice',
    places: [512, 2048],
    doubtful: 0,
    damage: (file, at) => file.insert(at, file.bytes.slice(at, at + SECTOR)),
  },
  {
    name: 'zeroes were put in where a sector begins',
    places: [512, 2048],
    doubtful: 0,
    damage: (file, at) => file.insert(at, new Uint8Array(SECTOR)),
  },
  // In some of these the bucket has as many elements in use as it counts: zeroes took the places of others that were.
  {
    name: 'zeroes were put in where none begins',
    places: [1000, 2500, 3500],
    doubtful: 2,
    damage: (file, at) => file.insert(at, new Uint8Array(SECTOR)),
  },
  // With fewer elements behind it than three nothing is believed.
  {
    name: 'a sector is missing with a few elements behind it',
    places: [3500],
    doubtful: 4,
    damage: (file, at) => file.drop(at, SECTOR),
  },
];

for (const [turn, { name, places, doubtful, damage }] of DAMAGES.entries()) {
  test(`where ${name} in the last bucket, behind which no record is, at most ${doubtful} survivors are lost`, async () => {
    for (const intact of sample(intacts, 2, turn)) {
      const last = intact.buckets[intact.buckets.length - 1];
      for (const place of places) {
        const model: Model = { name, damage: (file) => damage(file, last + place, last) };
        const { score } = await tryRepair(intact, damagedCopy(intact, [model], 0));
        const { lost, lostMoved, wrong, invented, changed } = score;
        const what = `${intact.name}, at ${place}`;
        assert.ok(lost.length + lostMoved.length <= doubtful, `${what}: ${[...lost, ...lostMoved].join()}`);
        assert.deepEqual([wrong, invented, changed], [[], [], 0], what);
      }
    }
  });
}

test('a sector of the last bucket that was written where another one belongs leaves no fault', async () => {
  for (const intact of intacts) {
    const last = intact.buckets[intact.buckets.length - 1];
    const model: Model = {
      name: '',
      damage: (file) => {
        file.write(last + 2 * SECTOR, file.bytes.slice(last + 3 * SECTOR, last + 4 * SECTOR));
        file.fill(last + 3 * SECTOR, SECTOR, 0);
      },
    };
    const db = await openDatabase(memorySource(damagedCopy(intact, [model], 0).bytes));
    const { survey } = await search(db!);
    // A fault that proves no more records is dropped, unless the header says that so many bytes are missing.
    assert.equal(await findLastBucketFault(db!, survey.sites), undefined, intact.name);
  }
});

test('a file that was cut off in its last bucket has no bytes missing from its middle', async () => {
  for (const intact of sample(intacts, 3)) {
    const last = intact.buckets[intact.buckets.length - 1];
    for (let size = SECTOR; size < BLOCK; size += 300) {
      const found = await openSearched(memorySource(intact.bytes.slice(0, last + size)));
      assert.equal(found?.db.fault, undefined, `${intact.name}, with ${size} bytes of the last bucket`);
    }
  }
});
