import assert from 'node:assert/strict';
import test from 'node:test';
import { examine } from '../../src/check/examination.js';
import { openDatabase } from '../../src/database/database.js';
import { search } from '../../src/examine.js';
import { describeFormat } from '../../src/format/format.js';
import { findFault } from '../../src/orphans/fault.js';
import type { Fault } from '../../src/source/fault.js';
import { memorySource } from '../../src/source/memory.js';
import type { Damaged } from '../torture/damaged.js';
import { formats, miniDatabase } from '../torture/databases.js';
import type { Intact } from '../torture/intact.js';
import { damagedCopy } from '../torture/judge.js';
import type { Model } from '../torture/models.js';
import { Random } from '../tools/random.js';

/*
 * Bytes that are missing from the middle of a bucket, or were put in: where a fault is said to be holds it, and hardly more
 * than it.
 */

const SECTOR = 512;
const BLOCK = 2048;
/** Places in each database. */
const RUNS = 8;

const intacts = formats('standard').map((format) =>
  miniDatabase(format, { blockSize: BLOCK, seed: 5, records: 700, maxValue: 200 }),
);

/** What is found of bytes that are missing from a file, or were put in. */
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
   * Whether each byte that is not in doubt reads as it was. Where no whole sectors are missing it may lie in a free element,
   * or in front of the bucket, and nothing tells what was there.
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
    doubted: 1,
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
