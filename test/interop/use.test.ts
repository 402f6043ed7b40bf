import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { predictUse } from '../../src/check/libgdbm.js';
import { check, openSearched } from '../../src/examine.js';
import { MACHINES } from '../../src/format/machines.js';
import { readRecords } from '../../src/read/records.js';
import { memorySource } from '../../src/source/source.js';
import { SWEEP } from '../tools/effort.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { LibGdbm } from '../tools/libgdbm.js';
import { testWith } from '../tools/needs.js';
import { Random } from '../tools/random.js';
import { randomSteps } from '../tools/records.js';

/*
 * Predictions of how many records a program gets from a damaged database, compared with the real library of this machine.
 */

const SEED = 20261130;
const TRIALS = SWEEP ? 300 : 100;
/** Every so many files the library is asked for each key by itself, too. */
const FETCHED = 4;
const AMD64 = MACHINES.amd64;

/** Damages an element, a bucket's head, a directory entry or any byte of an amd64 file. */
function damage(random: Random, original: Uint8Array): { bytes: Uint8Array; what: string } {
  const bytes = Uint8Array.from(original);
  const view = new DataView(bytes.buffer);
  const directory = Number(view.getBigInt64(8, true));
  const entries = view.getInt32(16, true) / 8;
  const elements = view.getInt32(28, true);
  const bucket = () => Number(view.getBigInt64(directory + 8 * random.below(entries), true));
  const used = () => {
    for (;;) {
      const at = bucket() + 112 + 24 * random.below(elements);
      if (view.getInt32(at, true) !== -1) return at;
    }
  };
  const flip = (at: number) => {
    bytes[at] ^= 1 << random.below(8);
    return `a bit of byte ${at}`;
  };
  const ways: (() => string)[] = [
    () => flip(used() + random.below(4)),
    () => flip(used() + 4 + random.below(4)),
    () => flip(used() + 8 + random.below(3)),
    () => flip(used() + 16 + random.below(2)),
    () => flip(used() + 20 + random.below(2)),
    () => flip(Number(view.getBigInt64(used() + 8, true)) + random.below(3)),
    () => flip(bucket() + 104 + random.below(8)),
    () => flip(random.below(bytes.length)),
    () => {
      const [from, to] = [used(), used()];
      bytes.copyWithin(to, from, from + 24);
      return `the element at ${from} over that at ${to}`;
    },
    () => {
      const to = bucket() + 112 + 24 * random.below(elements);
      const from = used();
      bytes.copyWithin(to, from, from + 24);
      return `the element at ${from} once more at ${to}`;
    },
    () => {
      const at = used();
      view.setInt32(at, random.pick([-1, -2, 0, 12345]), true);
      return `the hash at ${at}`;
    },
    () => {
      const at = directory + 8 * random.below(entries);
      view.setBigInt64(at, BigInt(bucket()), true);
      return `the directory entry at ${at}`;
    },
    () => {
      // The first entry of a bucket leads to the one before: a walk comes there again and again.
      let slot = 1 + random.below(entries - 1);
      const entry = (n: number) => view.getBigInt64(directory + 8 * n, true);
      while (slot > 1 && entry(slot) === entry(slot - 1)) slot--;
      view.setBigInt64(directory + 8 * slot, entry(slot - 1), true);
      return `the directory entry of slot ${slot}`;
    },
    () => {
      const at = 512 * (1 + random.below(bytes.length / 512 - 1));
      bytes.fill(0, at, at + 512);
      return `zeroes from ${at} on`;
    },
  ];
  const what = [random.pick(ways)(), ...(random.below(3) === 0 ? [random.pick(ways)()] : [])];
  return { bytes, what: what.join(', ') };
}

testWith('libgdbm', `a walk and fetches by libgdbm are predicted on ${TRIALS} damaged files`, async (t) => {
  const folder = await temporaryFolder(t);
  const lib = new LibGdbm();
  t.after(() => lib.close());
  const random = new Random(SEED);
  const originals: Uint8Array[] = [];
  for (const [blockSize, records] of [
    [512, 120],
    [512, 40],
    [1024, 200],
    [4096, 60],
  ] as const) {
    const path = join(folder, `original-${originals.length}.db`);
    await lib.create(path, randomSteps(random, records), { blockSize });
    originals.push(await readFile(path));
  }
  originals.push(await readFile(fixture('arm64.db')));

  const ends = new Map<string, number>();
  const path = join(folder, 'damaged.db');
  for (let n = 0; n < TRIALS; n++) {
    const { bytes, what } = damage(random, originals[n % originals.length]);
    const about = `trial ${n} of seed ${SEED}: ${what}`;
    const source = memorySource(bytes);
    const found = await openSearched(source);
    assert.ok(found, about);
    const { db, survey } = found;
    const examination = survey.examination!;
    const predicted = await predictUse(source, AMD64, { db, survey, examination });
    // The prediction is the same without an examination.
    const alone = await predictUse(source, AMD64);
    assert.deepEqual(
      alone && [alone.walked, alone.end],
      predicted && [predicted.walked, predicted.end],
      about,
    );

    await writeFile(path, bytes);
    const limit = 5000;
    const keys: Uint8Array[] = [];
    if (n % FETCHED === 0) for await (const { key } of readRecords(found)) keys.push(key);
    const said = await lib.use(path, limit, keys);
    if (typeof said === 'string' || said.end === 'Database needs recovery') {
      assert.equal(predicted, undefined, `${about}: ${JSON.stringify(said)}`);
      continue;
    }
    const end = said.end === 'Item not found' ? 'end' : said.end;
    assert.equal(predicted?.end, end, about);
    if (end !== 'never') assert.equal(predicted?.walked, said.walked, about);
    if (keys.length > 0 && predicted?.fetched !== undefined) {
      assert.equal(predicted.fetched, said.fetched.filter(Boolean).length, about);
    }
    ends.set(end, (ends.get(end) ?? 0) + 1);
  }
  t.diagnostic(`ends: ${JSON.stringify(Object.fromEntries(ends))}`);
  for (const end of [
    'end',
    'never',
    'Malformed bucket hash entry',
    'Malformed hash table',
    'Malformed bucket header',
  ])
    assert.ok(ends.has(end), `${end} never came`);
});

testWith('libgdbm', 'the check tells how far a walk comes, and what cannot be fetched', async () => {
  const lib = new LibGdbm();
  try {
    for (const [name, walked, fetched, keys] of [
      ['element-hash-one-bit', 16, 59, 60],
      ['arm64-two-non-ascii-keys', 63, 300, 302],
    ] as const) {
      const path = fixture(`../test/cases/${name}.db`);
      const { records, use } = await check(memorySource(await readFile(path)), undefined, AMD64);
      assert.equal(records.count, keys);
      assert.deepEqual(use, { walked, end: 'Malformed bucket hash entry', fetched });
      const said = await lib.use(path, 5000);
      assert.ok(typeof said !== 'string');
      assert.deepEqual([said.walked, said.end], [walked, 'Malformed bucket hash entry']);
    }
  } finally {
    lib.close();
  }
});
