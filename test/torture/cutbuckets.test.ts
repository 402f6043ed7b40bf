import assert from 'node:assert/strict';
import test from 'node:test';
import { Random } from '../tools/random.js';
import { MiniGdbm } from '../tools/minigdbm.js';
import type { Step } from '../tools/libgdbm.js';
import { check } from '../../src/examine.js';
import { memorySource } from '../../src/source/memory.js';
import type { Damaged } from './damaged.js';
import { NATIVE } from './databases.js';
import { damagedCopy, tryRepair } from './judge.js';
import type { Intact } from './intact.js';
import { intactOf } from './intact.js';
import { historyOf } from './life.js';

/*
 * Sectors that are missing from the middle of a bucket, or are there twice. Keys are of one size, so that an element with the
 * beginning of one and the end of another one leads to a key that is right and to a value that is not.
 */

const SECTOR = 512;
const BUCKET = 4096;
/** Survivors at the place itself that may be given up: where it is cannot be told more exactly. */
const DOUBTFUL = 8;

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
const SIZES = [512, 1024, 1536, 3072];

const KINDS: readonly {
  readonly name: string;
  readonly damage: (file: Damaged, at: number, size: number) => void;
}[] = [
  { name: 'missing', damage: (file, at, size) => file.drop(at, size) },
  { name: 'there twice', damage: (file, at, size) => file.insert(at, file.bytes.slice(at, at + size)) },
  { name: 'put in, of zeroes', damage: (file, at, size) => file.insert(at, new Uint8Array(size)) },
];

for (const { name, damage } of KINDS) {
  test(`sectors of a bucket ${name}: no value is another one's, and hardly a survivor is lost`, async () => {
    const faults: string[] = [];
    let n = 0;
    // Not each size at each place: it takes long.
    for (const bucket of intact.buckets.filter((_, i) => i % 2 === 0 || i === intact.buckets.length - 1)) {
      for (let at = bucket; at < bucket + BUCKET; at += SECTOR) {
        const size = SIZES[n++ % SIZES.length];
        const damaged = damagedCopy(intact, [{ name, damage: (file) => damage(file, at, size) }], 0);
        const { score, fault } = await tryRepair(intact, damaged);
        const { lost, lostMoved, wrong, changed, invented } = score;
        const isAllowed = lost.length + lostMoved.length <= DOUBTFUL && wrong.length + invented.length === 0;
        if (changed > 0 || !isAllowed)
          faults.push(
            `${size} bytes at ${at - bucket} of the bucket at ${bucket}: ${fault}, ${changed} changed`,
          );
      }
    }
    assert.ok(n >= 40, `${n} places`);
    assert.deepEqual(faults, []);
  });
}

test('of a bucket that lost a sector as many elements are told to be gone as were in use there', async () => {
  let cut = 0;
  for (const bucket of intact.buckets.slice(0, 8)) {
    for (let at = bucket + SECTOR; at < bucket + BUCKET; at += SECTOR) {
      const damaged = damagedCopy(intact, [{ name: '', damage: (file) => file.drop(at, SECTOR) }], 0);
      const { findings, records } = await check(memorySource(damaged.bytes));
      const gone = [...intact.records.values()].filter(
        ({ element }) => element.at < at + SECTOR && element.at + element.length > at,
      ).length;
      const isPlaced = findings.some(({ code, offset }) => code === 'bytes-missing' && offset === at);
      // Where the last elements are free it may be behind them, or in the bucket that follows.
      if (!isPlaced) continue;
      cut++;
      assert.equal(records.rejected.missing ?? 0, gone, `${at - bucket} of the bucket at ${bucket}`);
      assert.equal(findings.filter(({ code }) => code === 'bucket-cut').length, gone > 0 ? 1 : 0);
      assert.ok(!findings.some(({ code }) => code === 'key-hash' || code === 'bucket-count'));
    }
  }
  assert.ok(cut > 30, `${cut} places`);
});
