import assert from 'node:assert/strict';
import test from 'node:test';
import { openDatabase } from '../../src/database/database.js';
import { check } from '../../src/examine.js';
import { open } from '../../src/examine.js';
import { keptRecords } from '../../src/read/records.js';
import { memorySource } from '../../src/source/source.js';
import type { Source } from '../../src/source/source.js';
import { build, specFor } from '../build/build.js';
import { NATIVE } from '../torture/databases.js';

const PAGE = 4096;
const RECORDS = 30_000;

/** A source that counts its reads, and the bytes of them. */
function counted(bytes: Uint8Array): { source: Source; reads: () => { count: number; times: number } } {
  const inner = memorySource(bytes);
  let count = 0;
  let sum = 0;
  const read = (offset: number, length: number) => {
    count++;
    sum += length;
    return inner.read(offset, length);
  };
  return {
    source: { size: inner.size, read },
    reads: () => {
      const taken = { count, times: sum / inner.size };
      count = sum = 0;
      return taken;
    },
  };
}

/** The reads of opening a file, and of giving all its records. */
async function readsOf(bytes: Uint8Array) {
  const { source, reads } = counted(bytes);
  const opened = (await open(source))!;
  const opening = reads();
  let records = 0;
  for await (const { count } of keptRecords(opened)) records += count;
  return { opening, records, walking: reads() };
}

test('a check of a file without its header reads it less than four times', async () => {
  const { bytes } = await build(
    Array.from({ length: RECORDS }, (_, n) => ({
      key: Buffer.from(`key ${n}`),
      value: Buffer.alloc(150, `${n} `),
    })),
    specFor(NATIVE, PAGE),
  );
  const { source, reads } = counted(Buffer.from(bytes).fill(0xa5, 0, PAGE));
  assert.equal((await check(source)).records.count, RECORDS);
  const { times } = reads();
  assert.ok(times < 4, `${times} times the file`);
});

test('a damaged file is read little more often than a sound one', async () => {
  const { bytes } = await build(
    Array.from({ length: RECORDS }, (_, n) => {
      return { key: Buffer.from(`key ${n}`), value: Buffer.alloc(100 + (n % 100), `${n} `) };
    }),
    specFor(NATIVE, PAGE),
  );
  const sound = await readsOf(bytes);
  assert.equal(sound.records, RECORDS);
  assert.ok(sound.walking.times < 1.1, `${sound.walking.times} times`);
  const soundReads = sound.opening.count + sound.walking.count;

  const { directory, geometry } = (await openDatabase(memorySource(bytes)))!;
  const places = {
    records: { place: Math.floor(bytes.length / 2 / PAGE) * PAGE, most: 2.5 },
    bucket: { place: directory[directory.length / 2], most: 4 },
    directory: { place: geometry.directory!.offset, most: 7 },
  };
  for (const [what, { place, most }] of Object.entries(places)) {
    const damaged = Buffer.from(bytes).fill(0, place, place + PAGE);
    const { opening, walking, records } = await readsOf(damaged);
    assert.ok(records > RECORDS - 300, `${what}: ${records} records`);
    assert.ok(walking.times < 1.1, `${what}: the records take ${walking.times} times the file`);
    assert.ok(walking.count < 3 * soundReads, `${what}: the records take ${walking.count} reads`);
    assert.ok(
      opening.times + walking.times < most,
      `${what}: ${opening.times + walking.times} times the file`,
    );
  }
});
