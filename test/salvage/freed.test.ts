import assert from 'node:assert/strict';
import test from 'node:test';
import { openSearched } from '../../src/examine.js';
import { findOld } from '../../src/salvage/old.js';
import type { OldRecord } from '../../src/salvage/oldrecord.js';
import { isAddable } from '../../src/salvage/oldrecord.js';
import { memorySource } from '../../src/source/memory.js';
import { MACHINES } from '../format/formats.js';
import type { Step } from '../tools/libgdbm.js';
import { MiniGdbm } from '../tools/minigdbm.js';

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

test('of a database that was emptied what was deleted comes back, though no bucket has a hash left', async () => {
  const keys = Array.from({ length: 800 }, (_, n) => `user:${n}`);
  const valueOf = (key: string) => `<${key}|${'.'.repeat(key.charCodeAt(key.length - 1) % 40)}>`;
  for (const make of DATABASES) {
    const mini = make().run([...keys.map((key) => store(key, valueOf(key))), ...keys.map(remove)]);
    const told = await oldRecordsOf(mini.bytes());
    assert.ok(told.length > 500, `${told.length} are told`);
    for (const { key, value } of told) assert.equal(value, valueOf(key));
    // An element some places from home is a deleted record's, too, if the key's hash is one of its bucket.
    const addable = told.filter(({ record }) => isAddable(record)).length;
    assert.ok(addable >= 0.99 * told.length, `${addable} of ${told.length}`);
    const high = told.filter(({ record }) => record.confidence === 'high').length;
    assert.ok(2 * high >= told.length, `${high} of ${told.length}`);
  }
});
