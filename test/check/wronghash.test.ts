import assert from 'node:assert/strict';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { check, openSearched } from '../../src/examine.js';
import { readRecords } from '../../src/read/records.js';
import { memorySource } from '../../src/source/source.js';
import { build, specFor } from '../build/build.js';
import { FORMATS } from '../format/formats.js';
import { cli } from '../tools/cli.js';
import { sample, SWEEP } from '../tools/effort.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';
import { Random } from '../tools/random.js';
import { Specimen } from './specimen.js';

const CASE = fixture('../test/cases/element-hash-one-bit.db');
/** The flipped bit of the case file: bit 2 of the hash of element 47. */
const FLIPPED = { at: 9432, mask: 4 };

/** Every record of a file, as text. */
async function recordsOf(bytes: Uint8Array): Promise<string[]> {
  const found = await openSearched(memorySource(bytes));
  const records: string[] = [];
  for await (const { key, readValue } of readRecords(found!))
    records.push(
      `${Buffer.from(key).toString('latin1')}=${Buffer.from(await readValue()).toString('latin1')}`,
    );
  return records.sort();
}

test('an element whose hash alone has a wrong bit keeps its record', async () => {
  const bytes = await readFile(CASE);
  const whole = Buffer.from(bytes);
  whole[FLIPPED.at] ^= FLIPPED.mask;
  const { verdict, records, findings } = await check(memorySource(bytes));
  assert.equal(verdict, 'damaged');
  assert.equal(records.count, 60);
  assert.deepEqual(records.rejected, {});
  assert.deepEqual(
    findings.map(({ code, offset }) => [code, offset]),
    [['element-hash-wrong', FLIPPED.at]],
  );
  assert.deepEqual(await recordsOf(bytes), await recordsOf(whole));
});

testWith('flock', 'list, get and repair have the record whose hash is wrong', async (t) => {
  const path = join(await temporaryFolder(t), 'clips.db');
  await copyFile(CASE, path);
  const key = 'www.example.org/watch?v=00030';
  const list = await cli(['list', path]);
  assert.match(list.stdout, /watch\?v=00030/);
  const got = await cli(['get', path, key]);
  assert.equal(got.code, 0, got.stderr);
  const repaired = await cli(['repair', path]);
  assert.match(repaired.stdout, /kept +60 records/);
  // The fresh file has the key's own hash, so that a lookup in it finds the key.
  const { verdict, records } = await check(memorySource(await readFile(path)));
  assert.deepEqual([verdict, records.count], ['healthy', 60]);
  assert.equal((await cli(['get', path, key])).stdout, got.stdout);
});

for (const format of FORMATS.filter(({ variant }) => variant === 'standard')) {
  test(`a flipped bit of any hash loses no record and brings no other: ${format.byteOrder}, ${format.layout.offsetBits} bits`, async () => {
    const random = new Random(format.layout.offsetBits);
    const specimen = await Specimen.make(format);
    const whole = new Set(await recordsOf(specimen.bytes));
    let kept = 0;
    const trials = SWEEP ? 64 : 32;
    for (let n = 0; n < trials; n++) {
      const damaged = specimen.copy();
      const { at } = random.pick(damaged.used());
      const bit = n % 32;
      damaged.setInt(at, damaged.int(at) ^ (1 << bit));
      const records = new Set(await recordsOf(damaged.bytes));
      for (const record of records) assert.ok(whole.has(record), `${record}, bit ${bit} at ${at}`);
      // No change of one byte of a key flips just one of these bits.
      if (bit < 22 || bit === 31) assert.deepEqual(records, whole, `bit ${bit} at ${at}`);
      if (records.size === whole.size) kept++;
    }
    // The others are believed where no such change of this very key can be the reason.
    assert.ok(kept >= trials * 0.85, `${kept} of ${trials} kept`);
  });
}

test('a key that was changed behind its first bytes is never taken for a wrong hash', async () => {
  const random = new Random(22);
  const records = Array.from({ length: 120 }, (_, i) => ({
    key: Buffer.from(`a key of some length, so that every shift is in it ${i}`),
    value: Buffer.from(`value ${i}`),
  }));
  const format = FORMATS[0];
  const bytes = (await build(records, specFor(format, 16384))).bytes;
  const whole = new Set(await recordsOf(bytes));
  for (let n = 0; n < (SWEEP ? 150 : 40); n++) {
    const damaged = new Specimen(Uint8Array.from(bytes), format);
    const { pointer, keySize } = random.pick(damaged.used());
    const at = pointer + 4 + random.below(keySize - 4);
    const before = damaged.bytes[at];
    while (damaged.bytes[at] === before) {
      damaged.bytes[at] = n % 2 === 0 ? before ^ (1 << random.below(8)) : random.below(256);
    }
    for (const record of await recordsOf(damaged.bytes)) assert.ok(whole.has(record), record);
  }
});

test('a stale element with a wrong hash does not take the place of the one in force', async () => {
  const format = FORMATS[0];
  const specimen = await Specimen.make(format);
  const whole = await recordsOf(specimen.bytes);
  for (const used of sample(specimen.used(), 20)) {
    const { at, bucket, index, hash, pointer, keySize, dataSize } = used;
    const stale = specimen.copy();
    const room = stale.bucket(bucket);
    const free = (index + 1) % room.elements;
    if (room.hash(free) !== -1) continue;
    // The record's older copy stands behind the end of the file.
    const old = stale.size;
    const record = stale.bytes.slice(pointer, pointer + keySize + dataSize);
    record.fill(0x6f, keySize);
    stale.resize(old + record.length);
    stale.bytes.set(record, old);
    stale.setOffset(stale.headerAt('next_block'), stale.size);
    const twin = stale.elementAt(bucket, free);
    stale.copyElement(at, twin);
    stale.setInt(twin, hash ^ 1);
    stale.setOffset(stale.elementFieldAt(twin, 'data_pointer'), old);
    stale.setInt(stale.bucketFieldAt(bucket, 'count'), room.count + 1);
    assert.deepEqual(await recordsOf(stale.bytes), whole);
  }
});
