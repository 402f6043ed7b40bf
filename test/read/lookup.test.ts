import assert from 'node:assert/strict';
import test from 'node:test';
import { openDatabase } from '../../src/database/database.js';
import { readSite, survey } from '../../src/database/survey.js';
import { openSearched } from '../../src/examine.js';
import { elementsStart, elementStruct } from '../../src/format/bucket.js';
import { slotOf } from '../../src/format/directory.js';
import { FREE_HASH, hashKey } from '../../src/format/hash.js';
import { Lookup } from '../../src/read/lookup.js';
import { readRecords } from '../../src/read/records.js';
import { eachKeptKey } from '../../src/salvage/keptkeys.js';
import { memorySource } from '../../src/source/source.js';
import { build, specFor } from '../build/build.js';
import { FORMATS } from '../format/formats.js';
import { NATIVE } from '../torture/databases.js';

test('a record that a program stored through a wrong directory entry is found like all others', async () => {
  const format = FORMATS.find(({ layout, byteOrder }) => layout.offsetBits === 64 && byteOrder === 'little');
  assert.ok(format);
  const records = Array.from({ length: 150 }, (_, n) => {
    return { key: Buffer.from(`k${n}`), value: Buffer.from(`v${n}`) };
  });
  const { bytes } = await build(records, specFor(format, 512));
  const db = (await openDatabase(memorySource(bytes)))!;
  const { sites } = await survey(db);
  const { size } = elementStruct(format.layout);
  const first = elementsStart(format);
  const bits = Math.log2(db.directory.length);
  let files = 0;
  for (const wrong of sites) {
    for (const own of sites) {
      const [other, bucket] = [await readSite(db, wrong), await readSite(db, own)];
      const i = Array.from({ length: bucket.elements }, (_, n) => n).find((n) => {
        const hash = bucket.hash(n);
        return hash >= 0 && hash % bucket.elements === n && other.hash(n) === FREE_HASH;
      });
      if (wrong === own || i === undefined || own.slots < 2) continue;
      // One of several entries leads elsewhere, and there the element is.
      const file = Buffer.from(bytes);
      const at = first + i * size;
      file.copy(file, wrong.offset + at, own.offset + at, own.offset + at + size);
      file.writeInt32LE(FREE_HASH, own.offset + at);
      file.writeInt32LE(other.count + 1, wrong.offset + first - 4);
      file.writeInt32LE(bucket.count - 1, own.offset + first - 4);
      const entry = db.geometry.directory!.offset + 8 * slotOf(bucket.hash(i), bits);
      file.writeBigUInt64LE(BigInt(wrong.offset), entry);

      const found = await openSearched(memorySource(file));
      assert.ok(found?.survey.examination);
      const kept: Uint8Array[] = [];
      await eachKeptKey(found.db, found.survey, found.survey.examination, 100, (key) =>
        kept.push(key.slice()),
      );
      assert.equal(kept.length, records.length);
      const lookup = new Lookup(found);
      for (const key of kept) assert.ok(await lookup.find(key), Buffer.from(key).toString());
      files++;
    }
  }
  assert.ok(files > 20, String(files));
});

test('a lookup in a database that was only opened finds every key that its records have', async () => {
  const spec = specFor(NATIVE, 512);
  const records = Array.from({ length: 400 }, (_, n) => {
    return { key: Buffer.from(`key ${n}`), value: Buffer.from(`value ${n}`) };
  });
  const { bytes } = await build(records, spec);
  const { directory, geometry } = (await openDatabase(memorySource(bytes)))!;
  const { offset } = geometry.directory!;
  const damaged = Buffer.from(bytes).fill(0, offset, offset + 4 * directory.length);
  const db = (await openDatabase(memorySource(damaged)))!;
  const lookup = new Lookup(db);
  let found = 0;
  for await (const { key, offset, dataSize } of readRecords(db)) {
    const record = await lookup.find(key);
    assert.equal(record?.valueOffset, offset + key.length);
    assert.equal(record?.valueSize, dataSize);
    found++;
  }
  assert.equal(found, records.length);
  assert.equal(await lookup.find(Buffer.from('no such key')), undefined);
});

test('of many keys with one hash each is found, and read few times', async () => {
  const same = keysOfOneHash(60);
  assert.equal(new Set(same.map((key) => hashKey(key, 'signed'))).size, 1);
  const { bytes } = await build(
    same.map((key) => ({ key, value: key })),
    specFor(NATIVE, 4096),
  );
  let reads = 0;
  const inner = memorySource(bytes);
  const source = {
    size: inner.size,
    read: (offset: number, length: number) => (reads++, inner.read(offset, length)),
  };
  const lookup = new Lookup({ db: (await openDatabase(source))! });
  reads = 0;
  for (const key of same) assert.ok(await lookup.find(key));
  assert.ok(reads < 4 * same.length, `${reads} reads`);
});

/** Keys of one length and hash: their first byte and their 25th are added in the same place. */
function keysOfOneHash(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, n) => {
    const key = Buffer.alloc(25, 'k');
    key[0] = n;
    key[24] = 127 - n;
    return key;
  });
}
