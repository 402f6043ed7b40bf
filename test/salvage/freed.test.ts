import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { openDatabase } from '../../src/database/database.js';
import { openSearched } from '../../src/examine.js';
import { BucketView } from '../../src/format/bucket.js';
import { FREE_HASH } from '../../src/format/hash.js';
import { findOld } from '../../src/salvage/old.js';
import type { OldRecord } from '../../src/salvage/oldrecord.js';
import { isAddable } from '../../src/salvage/oldrecord.js';
import { memorySource } from '../../src/source/source.js';
import { MACHINES } from '../format/formats.js';
import { temporaryFolder } from '../tools/folder.js';
import type { Step } from '../tools/libgdbm.js';
import { LibGdbm } from '../tools/libgdbm.js';
import { MiniGdbm } from '../tools/minigdbm.js';
import { testWith } from '../tools/needs.js';

const DATABASES = MACHINES.map((machine) => () => {
  const format = { ...machine, variant: 'standard' } as const;
  return new MiniGdbm({ format, blockSize: 4096 });
});

const store = (key: string, value: string): Step => ['store', Buffer.from(key), Buffer.from(value)];
const remove = (key: string): Step => ['delete', Buffer.from(key)];

interface Told {
  readonly record: OldRecord;
  readonly key: string;
  readonly value: string;
}

async function oldRecordsOf(bytes: Uint8Array): Promise<Told[]> {
  const searched = await openSearched(memorySource(bytes), undefined, { old: true });
  assert.ok(searched !== undefined);
  const text = (from: number, size: number) => Buffer.from(bytes.subarray(from, from + size)).toString();
  return Array.from(await findOld(searched.db, searched.survey), (record) => {
    const { offset, keySize, dataSize } = record;
    return { record, key: text(offset, keySize), value: text(offset + keySize, dataSize) };
  });
}

test('a deleted record whose key is empty is told as any other', async () => {
  for (const make of DATABASES) {
    const mini = make().run([store('last', '1'), store('', 'of the empty key'), remove('')]);
    const [{ record, key, value }, ...others] = await oldRecordsOf(mini.bytes());
    assert.deepEqual([key, value, record.confidence, others.length], ['', 'of the empty key', 'high', 0]);
  }
});

/** The bucket of a database that has only one, to be changed. */
async function onlyBucketOf(bytes: Uint8Array): Promise<BucketView> {
  const { directory, geometry, format } = (await openDatabase(memorySource(bytes)))!;
  const end = directory[0] + geometry.bucketSize;
  return new BucketView(bytes.subarray(directory[0], end), format, geometry.bucketElements);
}

test('of a deleted record with a short key the element may begin as any other, behind the key', async () => {
  for (const make of DATABASES) {
    const mini = make().run([store('kept', 'here'), store('no', 'no longer'), remove('no')]);
    const bytes = mini.bytes();
    const bucket = await onlyBucketOf(bytes);
    // As the real library leaves it, of the longer key that the element had before.
    for (let i = 0; i < bucket.elements; i++) {
      if (bucket.keySize(i) === 2) bucket.keyStart(i).set(Buffer.from('xx'), 2);
    }
    const [{ record, key, value }] = await oldRecordsOf(bytes);
    assert.deepEqual([key, value, record.confidence], ['no', 'no longer', 'high']);
  }
});

test('a deleted record that ends with the file is told, and one that would end behind it, or before its key, is none', async () => {
  for (const make of DATABASES) {
    const mini = make().run([store('kept', 'here'), store('deleted', 'to the end'), remove('deleted')]);
    const bytes = mini.bytes();
    const bucket = await onlyBucketOf(bytes);
    const i = Array.from({ length: bucket.elements }, (_, n) => n).find((n) => bucket.keySize(n) === 7)!;
    const element = {
      hash: FREE_HASH,
      key_start: Buffer.from('dele'),
      data_pointer: bucket.dataPointer(i),
      key_size: 7,
      data_size: bytes.length - bucket.dataPointer(i) - 7,
    };
    bucket.setElement(i, element);
    const [{ record }] = await oldRecordsOf(bytes);
    assert.deepEqual([record.keySize, record.dataSize], [7, element.data_size]);
    for (const data_size of [element.data_size + 1, -1]) {
      bucket.setElement(i, { ...element, data_size });
      assert.deepEqual(await oldRecordsOf(bytes), []);
    }
  }
});

const KEYS = Array.from({ length: 800 }, (_, n) => `user:${n}`);
const valueOf = (key: string) => `<${key}|${'.'.repeat(key.charCodeAt(key.length - 1) % 40)}>`;
const EMPTIED = [...KEYS.map((key) => store(key, valueOf(key))), ...KEYS.map(remove)];

test('of a database that was emptied what was deleted is told, though no bucket has a hash left', async () => {
  for (const make of DATABASES) {
    const told = await oldRecordsOf(make().run(EMPTIED).bytes());
    assert.ok(told.length > 500, `${told.length} are told`);
    for (const { key, value } of told) assert.equal(value, valueOf(key));
  }
});

// The library, other than our imitation of it, has a list for all that is free.
testWith('libgdbm', 'of a database that was emptied what was deleted comes back', async (t) => {
  const path = join(await temporaryFolder(t), 'emptied.db');
  const lib = new LibGdbm();
  await lib.create(path, EMPTIED, { blockSize: 4096 });
  lib.close();
  const told = await oldRecordsOf(await readFile(path));
  assert.ok(told.length > 500, `${told.length} are told`);
  // An element some places from home is a deleted record's, too, if the key's hash is one of its bucket.
  const addable = told.filter(({ record }) => isAddable(record)).length;
  assert.ok(addable >= 0.99 * told.length, `${addable} of ${told.length}`);
  const high = told.filter(({ record }) => record.confidence === 'high').length;
  assert.ok(2 * high >= told.length, `${high} of ${told.length}`);
});
