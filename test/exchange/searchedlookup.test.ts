import assert from 'node:assert/strict';
import test from 'node:test';
import { openDatabase } from '../../src/database/database.js';
import { readSite, survey } from '../../src/database/survey.js';
import { openSearched } from '../../src/examine.js';
import { SearchedLookup } from '../../src/exchange/searchedlookup.js';
import { elementStruct, elementsStart } from '../../src/format/bucket.js';
import { slotOf } from '../../src/format/directory.js';
import { FREE_HASH } from '../../src/format/hash.js';
import { eachKeptKey } from '../../src/salvage/keptkeys.js';
import { memorySource } from '../../src/source/source.js';
import { build, specFor } from '../build/build.js';
import { FORMATS } from '../format/formats.js';

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
      const lookup = new SearchedLookup(found);
      for (const key of kept) assert.ok(await lookup.find(key), Buffer.from(key).toString());
      files++;
    }
  }
  assert.ok(files > 20, String(files));
});
