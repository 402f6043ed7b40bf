import assert from 'node:assert/strict';
import test from 'node:test';
import { examine } from '../../src/check/examination.js';
import { openDatabase } from '../../src/database/database.js';
import { search } from '../../src/examine.js';
import { describeFormat } from '../../src/format/format.js';
import { findFault } from '../../src/orphans/fault.js';
import type { Fault } from '../../src/source/views.js';
import { memorySource } from '../../src/source/source.js';
import type { Damaged } from '../torture/damaged.js';
import { formats, miniDatabase } from '../torture/databases.js';
import type { Intact } from '../torture/intact.js';
import { intactOf } from '../torture/intact.js';
import { damagedCopy, tryRepair } from '../torture/judge.js';
import { historyOf } from '../torture/life.js';
import type { Model } from '../torture/models.js';
import { sample, SWEEP } from '../tools/effort.js';
import type { Step } from '../tools/libgdbm.js';
import { MiniGdbm } from '../tools/minigdbm.js';
import { Random } from '../tools/random.js';

/*
 * Bytes that are missing from the middle of a bucket, or were put in: where a fault is said to be holds it, and hardly more
 * than it.
 */

const SECTOR = 512;
const BLOCK = 2048;
/** Places in each database. */
const RUNS = SWEEP ? 8 : 1;

const intacts = formats('standard').map((format) =>
  miniDatabase(format, { blockSize: BLOCK, seed: 5, records: 700, maxValue: 200 }),
);

/** Finds the fault of a file from which bytes are missing, or into which some were put. */
async function faultOf(file: Damaged): Promise<Fault | undefined> {
  const db = await openDatabase(memorySource(file.bytes));
  if (db === undefined) return undefined;
  const { survey } = await search(db, undefined, true);
  return findFault(db, { ...survey, examination: await examine(db, survey) });
}

/** Elements in use of which a fault says that they may be hit, but of which all bytes are there beside each other. */
function doubtedInVain({ records }: Intact, file: Damaged, fault: Fault): string[] {
  return [...records.values()]
    .filter(({ element: { at, length } }) => {
      const isThere = Array.from({ length }, (_, n) => file.whereIs(at + n) - file.whereIs(at) === n);
      return isThere.every((is) => is) && fault.mayHit(at, at + length);
    })
    .map(({ key }) => key);
}

interface Kind {
  readonly name: string;
  /** Elements that may be doubted in vain, at most. */
  readonly doubted: number;
  /**
   * Requires that each byte that is not in doubt reads as it was. If the missing bytes are no whole sectors, they may be
   * those of a free element, or in front of the bucket, of which nothing tells the old content.
   */
  readonly isFaithful: boolean;
  readonly modelAt: (place: number, random: Random) => Model;
}

const model = (damage: (file: Damaged) => void): Model => ({ name: '', damage });
const inSectors = (place: number) => SECTOR * Math.round(place / SECTOR);

const KINDS: readonly Kind[] = [
  {
    name: 'a sector is missing',
    doubted: 0,
    isFaithful: true,
    modelAt: (place) => model((file) => file.drop(inSectors(place), SECTOR)),
  },
  {
    name: 'a sector of zeroes was put in',
    doubted: 0,
    isFaithful: true,
    modelAt: (place) => model((file) => file.insert(inSectors(place), new Uint8Array(SECTOR))),
  },
  {
    name: 'some bytes are missing',
    doubted: 2,
    isFaithful: false,
    modelAt: (place, random) => {
      const size = 1 + random.below(700);
      return model((file) => file.drop(place, size));
    },
  },
  {
    name: 'random bytes were put in',
    doubted: 1,
    isFaithful: true,
    modelAt: (place, random) => {
      const bytes = random.bytes(1 + random.below(700));
      return model((file) => file.insert(place, bytes));
    },
  },
  {
    name: 'bytes are there twice',
    doubted: 2,
    isFaithful: true,
    modelAt: (place, random) => {
      const size = 1 + random.below(700);
      return model((file) => file.insert(place, file.bytes.slice(place, place + size)));
    },
  },
];

for (const { name, doubted, isFaithful, modelAt } of KINDS) {
  test(`where ${name} in a bucket of that at most ${doubted} whole elements are in doubt, and the rest reads as it was`, async () => {
    let found = 0;
    for (const [n, intact] of intacts.entries()) {
      const random = new Random(n + 1);
      const { buckets, bytes, format } = intact;
      for (let run = 0; run < RUNS; run++) {
        const bucket = random.pick(buckets);
        const place = bucket + random.below(BLOCK);
        const file = damagedCopy(intact, [modelAt(place, random)], 0);
        const missing = bytes.length - file.bytes.length;
        const what = `${describeFormat(format)}, ${missing} bytes at ${place - bucket} of the bucket at ${bucket}`;
        const fault = await faultOf(file);
        if (fault === undefined) continue;
        found++;
        assert.equal(fault.missing, missing, what);
        const source = await fault.source.read(0, bytes.length);
        const isOther = (at: number) => source[at] !== bytes[at] && !fault.mayHit(at, at + 1);
        if (isFaithful) assert.ok(!bytes.some((_, at) => isOther(at)), what);
        const inVain = doubtedInVain(intact, file, fault);
        assert.ok(inVain.length <= doubted, `${what}: ${inVain.join()}`);
      }
    }
    assert.equal(found, intacts.length * RUNS);
  });
}

test('a place that would leave an element where no lookup comes to it is not as good as the right one', async () => {
  const [intact] = intacts;
  const bucket = 79872;
  assert.ok(intact.buckets.includes(bucket));
  const file = damagedCopy(intact, [model((one) => one.drop(bucket + 284, 1150))], 0);
  const fault = await faultOf(file);
  assert.equal(fault?.missing, 1150);
  assert.deepEqual(doubtedInVain(intact, file, fault), []);
});

test('where the only bucket is cut its own records tell of it', async () => {
  for (const format of sample(formats('standard'), 2)) {
    const steps = Array.from({ length: 30 }, (_, n): Step => {
      return ['store', Buffer.from(`key${n}`), Buffer.from(`the value of ${n}`)];
    });
    const made = {
      bytes: new MiniGdbm({ format, blockSize: BLOCK }).run(steps).bytes(),
      history: historyOf(steps),
      other: undefined,
    };
    const intact = intactOf({ ...made, name: describeFormat(format), format, hashChar: 'signed' });
    const [bucket, ...more] = intact.buckets;
    assert.deepEqual(more, []);
    const at = bucket + 1000;
    const random = new Random(1);
    const damages: ((file: Damaged) => void)[] = [
      (file) => file.drop(at, 301),
      (file) => file.drop(at + 24, SECTOR),
      (file) => file.insert(at, random.bytes(301)),
      (file) => file.insert(at, file.bytes.slice(at, at + 301)),
      // Elements that are in front of the place, if any, are free: only the directory tells that it is behind that.
      (file) => file.insert(bucket + 101, file.bytes.slice(bucket + 101, bucket + 279)),
      (file) => file.insert(bucket + 249, file.bytes.slice(bucket + 249, bucket + 767)),
      // Bytes behind the file are not part of it, so that its size does not show how much is missing.
      (file) => {
        file.drop(at, 301);
        file.append(random.bytes(200));
      },
    ];
    for (const [n, damage] of damages.entries()) {
      const { score } = await tryRepair(intact, damagedCopy(intact, [model(damage)], 0));
      const { lost, lostMoved, wrong, invented, changed } = score;
      const what = `${intact.name}, damage ${n}`;
      assert.ok(lost.length + lostMoved.length <= 2, `${what}: ${[...lost, ...lostMoved].join()}`);
      assert.deepEqual([wrong, invented, changed], [[], [], 0], what);
    }
  }
});

test('another file that follows, as an older copy, is none of the bytes of a file, though the header tells its size', async () => {
  for (const intact of intacts) {
    const { bytes, records, format } = intact;
    const [last] = [...records.values()]
      .filter(({ key, value }) => key.length > 4 && value.length > 0)
      .sort((a, b) => b.bytes.at - a.bytes.at);
    const { at, length } = last.bytes;
    const copy = Uint8Array.from(bytes);
    copy.fill(0x2e, at + last.key.length, at + length);
    const damage = (file: Damaged) => {
      file.fill(at, last.key.length, 0);
      file.append(copy);
    };
    const file = damagedCopy(intact, [model(damage)], 0);
    const { score } = await tryRepair(intact, file);
    const { lost, lostMoved, wrong, invented, changed } = score;
    assert.deepEqual(
      [lost, lostMoved, wrong, invented, changed],
      [[], [], [], [], 0],
      describeFormat(format),
    );
  }
});
