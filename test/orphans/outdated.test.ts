import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import type { Format } from '../../src/format/format.js';
import { describeFormat } from '../../src/format/format.js';
import { decodeDirectory, encodeDirectory, slotOf } from '../../src/format/directory.js';
import { bucketStruct } from '../../src/format/bucket.js';
import { decodeHeader } from '../../src/format/header.js';
import { member } from '../../src/format/struct.js';
import type { HashChar } from '../../src/format/hash.js';
import { hashKey } from '../../src/format/hash.js';
import { check, openSearched } from '../../src/examine.js';
import { readRecords } from '../../src/read/records.js';
import { repair } from '../../src/repair.js';
import { memorySource } from '../../src/source/source.js';
import { formats } from '../torture/databases.js';
import { latin1 } from '../torture/life.js';
import { contentsOf } from '../torture/recover.js';
import { sample } from '../tools/effort.js';
import { temporaryFolder } from '../tools/folder.js';
import type { Step } from '../tools/libgdbm.js';
import { MiniGdbm } from '../tools/minigdbm.js';
import { Random } from '../tools/random.js';
import { randomSteps } from '../tools/records.js';

const BLOCK = 512;

interface Life {
  readonly format: Format;
  /** The file at an earlier time, and as it is now. */
  readonly before: Uint8Array;
  readonly now: Uint8Array;
  readonly directory: { readonly at: number; readonly end: number };
  readonly contentsBefore: ReadonlyMap<string, string>;
  readonly contents: ReadonlyMap<string, string>;
}

/** A database at two times of its life, with buckets that were split between them and a directory that was not doubled. */
function lifeOf(format: Format, seed: number, more: readonly Step[] = []): Life {
  const hashChar: HashChar = 'signed';
  const steps = randomSteps(new Random(seed), 330);
  const earlier = steps.slice(0, steps.length * 0.45);
  const make = (some: readonly Step[]) =>
    new MiniGdbm({ format, blockSize: BLOCK, hashChar }).run(some).bytes();
  const [before, now] = [make(earlier), make([...steps, ...more])];
  const { dir, dir_size } = decodeHeader(now.subarray(0, 64), format.layout, format.byteOrder);
  const old = decodeHeader(before.subarray(0, 64), format.layout, format.byteOrder);
  assert.deepEqual([old.dir, old.dir_size], [dir, dir_size], 'the directory keeps its place');
  return {
    format,
    before,
    now,
    directory: { at: dir, end: dir + dir_size },
    contentsBefore: outcomeOf(earlier),
    contents: outcomeOf([...steps, ...more]),
  };
}

function outcomeOf(steps: readonly Step[]): Map<string, string> {
  const held = new Map<string, string>();
  for (const [op, key, value] of steps) {
    if (op === 'store') held.set(latin1(key), latin1(value));
    if (op === 'delete') held.delete(latin1(key));
  }
  return held;
}

/** The entries of a life's directory, as the file at one of its times has them. */
function entriesOf({ format, directory: { at, end } }: Life, bytes: Uint8Array): Float64Array {
  return decodeDirectory(bytes.subarray(at, end), format.layout, format.byteOrder);
}

/** The file as it is now, with other entries in its directory. */
function withEntries({ format, now, directory: { at } }: Life, entries: Float64Array): Uint8Array {
  const damaged = now.slice();
  damaged.set(encodeDirectory(entries, format.layout, format.byteOrder), at);
  return damaged;
}

/**
 * Repairs a damaged file, and counts the differences from the contents that it should have.
 *
 * @param stale false to leave out records of an older state
 */
async function repaired(
  t: TestContext,
  damaged: Uint8Array,
  contents: ReadonlyMap<string, string>,
  stale = true,
) {
  const path = join(await temporaryFolder(t), 'state.db');
  await writeFile(path, damaged);
  const { lost } = await repair(path, { lock: false, output: `${path}.fresh`, stale });
  const held = await contentsOf(await readFile(`${path}.fresh`));
  return {
    missing: [...contents.keys()].filter((key) => !held.has(key)).length,
    wrong: [...contents].filter(([key, value]) => held.has(key) && held.get(key) !== value).length,
    invented: [...held.keys()].filter((key) => !contents.has(key)).length,
    lost: lost.records,
    estimated: lost.estimated,
  };
}

const ALL_RIGHT = { missing: 0, wrong: 0, invented: 0, lost: 0, estimated: 0 };
const everyFormat = [...[...formats('standard'), ...formats('numsync')].entries()];
/** Formats that each test looks at, with the number of each; the tests take turns, so that together they see all. */
const someFormats = (turn: number) => sample(everyFormat, 4, turn);

test('a directory that was not written leads nobody to what was split since', async (t) => {
  for (const [n, format] of someFormats(0)) {
    const life = lifeOf(format, 40 + n);
    const damaged = withEntries(life, entriesOf(life, life.before));
    assert.deepEqual(await repaired(t, damaged, life.contents), ALL_RIGHT, describeFormat(format));
  }
});

test('so it is with half of a directory', async (t) => {
  for (const [n, format] of someFormats(1)) {
    const life = lifeOf(format, 60 + n);
    const entries = entriesOf(life, life.now);
    const half = entries.length / 2;
    entries.set(entriesOf(life, life.before).subarray(half), half);
    const damaged = withEntries(life, entries);
    assert.deepEqual(await repaired(t, damaged, life.contents), ALL_RIGHT, describeFormat(format));
  }
});

test('records that are read from it are those in force, also where its buckets are searched for by the way', async () => {
  for (const [n, format] of someFormats(2)) {
    const life = lifeOf(format, 40 + n);
    const found = (await openSearched(memorySource(withEntries(life, entriesOf(life, life.before)))))!;
    for (const opened of [found, found.db]) {
      const read = new Map<string, string>();
      for await (const { key, readValue } of readRecords(opened))
        read.set(latin1(key), latin1(await readValue()));
      assert.deepEqual(read, life.contents, describeFormat(format));
    }
  }
});

test('entries of which a few lead to where a bucket was before are wrong, and what stands there is no record', async (t) => {
  for (const [n, format] of someFormats(3)) {
    const life = lifeOf(format, 80 + n);
    const entries = entriesOf(life, life.now);
    const before = entriesOf(life, life.before);
    // The first slot of each bucket with several, where it leads elsewhere than it did.
    for (let slot = 0, end: number; slot < entries.length; slot = end) {
      end = slot + 1;
      while (end < entries.length && entries[end] === entries[slot]) end++;
      if (end - slot > 1) entries[slot] = before[slot];
    }
    const damaged = withEntries(life, entries);
    assert.deepEqual(await repaired(t, damaged, life.contents), ALL_RIGHT, describeFormat(format));
    const { findingCounts } = await check(memorySource(damaged));
    assert.ok(findingCounts['directory-entry-wrong']! > 0, describeFormat(format));
    assert.equal(findingCounts['bucket-header'], undefined, describeFormat(format));
  }
});

test('one half of a split that was not finished takes nothing from the bucket that is led to', async (t) => {
  for (const [n, format] of someFormats(4)) {
    const life = lifeOf(format, 40 + n);
    const [before, now] = [entriesOf(life, life.before), entriesOf(life, life.now)];
    // A bucket of now that lies behind the end of the earlier file.
    const slot = now.findIndex((at, i) => at >= life.before.length && now[i + 1] !== at && before[i] !== at);
    const damaged = new Uint8Array(now[slot] + BLOCK);
    damaged.set(life.before);
    damaged.set(life.now.subarray(now[slot], now[slot] + BLOCK), now[slot]);
    const { missing, wrong, lost } = await repaired(t, damaged, life.contentsBefore);
    assert.deepEqual({ missing, wrong, lost }, { missing: 0, wrong: 0, lost: 0 }, describeFormat(format));
  }
});

test('the directory of a copy of the database inside a value is not the one in force', async (t) => {
  for (const [n, format] of someFormats(5)) {
    const copy = lifeOf(format, 100 + n).before;
    const life = lifeOf(format, 100 + n, [['store', Buffer.from('backup'), copy]]);
    const damaged = withEntries(life, new Float64Array(entriesOf(life, life.now).length));
    const { missing, wrong, invented } = await repaired(t, damaged, life.contents);
    // Elements in the copy may say that they are elements of this database, over which the copy's own record reaches.
    assert.ok(missing <= 1, `${missing} missing: ${describeFormat(format)}`);
    assert.deepEqual({ wrong, invented }, { wrong: 0, invented: 0 }, describeFormat(format));
  }
});

/** A database just before a bucket is split without a new directory, and just after that, with the changes that follow. */
function lifeAroundSplit(format: Format, seed: number): Life {
  const steps = randomSteps(new Random(seed), 330).filter(([op]) => op === 'store');
  const mini = new MiniGdbm({ format, blockSize: BLOCK });
  const headerOf = (bytes: Uint8Array) =>
    decodeHeader(bytes.subarray(0, 64), format.layout, format.byteOrder);
  const entries = (bytes: Uint8Array) => {
    const { dir, dir_size } = headerOf(bytes);
    return decodeDirectory(bytes.subarray(dir, dir + dir_size), format.layout, format.byteOrder);
  };
  let before = mini.bytes();
  for (let n = 0; n < steps.length; n++) {
    mini.run(steps.slice(n, n + 1));
    const after = mini.bytes();
    const { dir, dir_size } = headerOf(after);
    const [old, now] = [entries(before), entries(after)];
    if (
      n > steps.length / 2 &&
      headerOf(before).dir === dir &&
      old.some((entry, slot) => entry !== now[slot])
    ) {
      const earlier = steps.slice(0, n);
      // Values that only the new buckets know, where the old ones were.
      const [, key, value] = steps[n] as ['store', Uint8Array, Uint8Array];
      const changes: Step[] = [['store', key, value.slice().reverse()]];
      return {
        format,
        before,
        now: mini.run(changes).bytes(),
        directory: { at: dir, end: dir + dir_size },
        contentsBefore: outcomeOf(earlier),
        contents: outcomeOf([...earlier, steps[n], ...changes]),
      };
    }
    before = after;
  }
  assert.fail('no bucket was split');
}

test('a directory from just before a split is told by the list of free space, though all that it leads to is whole', async (t) => {
  for (const [n, format] of someFormats(6)) {
    const life = lifeAroundSplit(format, 120 + n);
    const damaged = withEntries(life, entriesOf(life, life.before));
    assert.deepEqual(await repaired(t, damaged, life.contents), ALL_RIGHT, describeFormat(format));
  }
});

test('of a bucket whose space is free no value comes back for a key of the half that it was split into and that is left', async (t) => {
  for (const [n, format] of someFormats(7)) {
    const life = lifeAroundSplit(format, 120 + n);
    const [before, now] = [entriesOf(life, life.before), entriesOf(life, life.now)];
    const bits = Math.log2(now.length);
    const bucketOf = (key: string) => now[slotOf(hashKey(Buffer.from(key, 'latin1'), 'signed'), bits)];
    const split = new Set(now.filter((entry, slot) => entry !== before[slot]));
    const [changed] = [...life.contents].find(([key, value]) => life.contentsBefore.get(key) !== value)!;
    const [lost] = [...split].filter((entry) => entry !== bucketOf(changed));
    const damaged = withEntries(life, before);
    damaged.fill(0, lost, lost + BLOCK);
    const left = new Map([...life.contents].filter(([key]) => bucketOf(key) !== lost));
    // Records of the lost half are known from the split bucket only, and may be old.
    const { missing, wrong, invented } = await repaired(t, damaged, left, false);
    assert.deepEqual(
      { missing, wrong, invented },
      { missing: 0, wrong: 0, invented: 0 },
      describeFormat(format),
    );
  }
});

test('an older copy that was put over the beginning of a file is in force, and not what is left of the newer one behind it', async (t) => {
  let [missing, wrong] = [0, 0];
  for (const [n, format] of someFormats(8)) {
    const life = lifeOf(format, 40 + n);
    const damaged = life.now.slice();
    damaged.set(life.before);
    // A lost bucket, so that the file is searched.
    const entries = entriesOf(life, life.before);
    const lost = entries[20];
    damaged.fill(0, lost, lost + BLOCK);
    const bits = Math.log2(entries.length);
    const isLeft = (key: string) =>
      entries[slotOf(hashKey(Buffer.from(key, 'latin1'), 'signed'), bits)] !== lost;
    const left = new Map([...life.contentsBefore].filter(([key]) => isLeft(key)));
    const found = await repaired(t, damaged, left);
    missing += found.missing;
    wrong += found.wrong;
  }
  // A newer bucket whose keys are all there may have been written before the copy was made.
  assert.ok(missing <= 1 && wrong <= 1, `${missing} missing, ${wrong} wrong`);
});

test('where a part of the directory was not written and buckets are lost, all that the others know is there', async (t) => {
  const found = { missing: 0, wrong: 0 };
  for (const [n, format] of someFormats(9)) {
    for (const seed of [0, 2]) {
      const random = new Random(1000 * n + seed);
      const life = lifeOf(format, 300 + n + 20 * seed);
      const [before, now] = [entriesOf(life, life.before), entriesOf(life, life.now)];
      const entries = now.slice();
      const from = random.below(now.length / 2);
      const to = from + 1 + random.below(now.length - from);
      entries.set(before.subarray(from, to), from);
      const damaged = withEntries(life, entries);
      const buckets = [...new Set(now)];
      const lost = new Set([buckets[random.below(buckets.length)], buckets[random.below(buckets.length)]]);
      for (const at of lost) damaged.fill(0, at, at + BLOCK);
      const bits = Math.log2(now.length);
      const bucketOf = (key: string) => now[slotOf(hashKey(Buffer.from(key, 'latin1'), 'signed'), bits)];
      const left = new Map([...life.contents].filter(([key]) => !lost.has(bucketOf(key))));
      const { missing, wrong } = await repaired(t, damaged, left);
      found.missing += missing;
      found.wrong += wrong;
    }
  }
  assert.deepEqual(found, { missing: 0, wrong: 0 });
});

test('what is left of a split that was not finished is not taken for a lost bucket, as it may be old', async (t) => {
  let tried = 0;
  for (const [n, format] of someFormats(10)) {
    const life = lifeAroundSplit(format, 120 + n);
    const [before, now] = [entriesOf(life, life.before), entriesOf(life, life.now)];
    const slot = now.findIndex((at, i) => at !== before[i]);
    const [bucket, half] = [before[slot], now[slot]];
    if (half < life.before.length) continue;
    tried++;
    // The header was not written after the split, and the bucket that was in force until the end is lost.
    const damaged = new Uint8Array(half + BLOCK);
    damaged.set(life.before);
    damaged.set(life.now.subarray(half, half + BLOCK), half);
    damaged.fill(0, bucket, bucket + BLOCK);
    const bits = Math.log2(before.length);
    const isLost = (key: string) =>
      before[slotOf(hashKey(Buffer.from(key, 'latin1'), 'signed'), bits)] === bucket;
    const left = new Map([...life.contentsBefore].filter(([key]) => !isLost(key)));
    const { missing, wrong, invented } = await repaired(t, damaged, left, false);
    assert.deepEqual(
      { missing, wrong, invented },
      { missing: 0, wrong: 0, invented: 0 },
      describeFormat(format),
    );
  }
  assert.ok(tried > 0);
});

test('a bucket whose head says that it is for more hashes than it was is in force all the same', async (t) => {
  for (const [n, format] of someFormats(11)) {
    const life = lifeOf(format, 60 + n);
    const bitsAt = member(bucketStruct(format.layout), 'bucket_bits').offset;
    const damaged = life.now.slice();
    const view = new DataView(damaged.buffer);
    // Every fourth, so that the ones beside it are whole.
    const some = [...new Set(entriesOf(life, life.now))].filter((_, i) => i % 4 === 1);
    for (const bucket of some) {
      const bits = view.getInt32(bucket + bitsAt, format.byteOrder === 'little');
      view.setInt32(bucket + bitsAt, Math.max(0, bits - 2), format.byteOrder === 'little');
    }
    const { missing, wrong, invented } = await repaired(t, damaged, life.contents);
    assert.deepEqual([missing, wrong, invented], [0, 0, 0], describeFormat(format));
  }
});
