import assert from 'node:assert/strict';
import test from 'node:test';
import type { Candidate } from '../../src/salvage/oldlist.js';
import { OldList } from '../../src/salvage/oldlist.js';

function candidate(
  offset: number,
  keySize: number,
  dataSize: number,
  more: Partial<Candidate> = {},
): Candidate {
  const place = { offset, keySize, dataSize, bucket: 512, element: 0 };
  const record = { ...place, hash: 1, hashChar: 'either', provenance: 'deleted' } as const;
  return { record, keyStart: 0, proof: 'start', homeBits: 0, ...more };
}

function places(list: OldList): number[][] {
  list.sort(2 ** 20);
  return Array.from(list, ({ offset, keySize, dataSize }) => [offset, keySize, dataSize]);
}

test('old records that begin at one place are told apart by the size of their key, and of their value', () => {
  const list = new OldList(1000);
  for (let round = 0; round < 2; round++) {
    // Enough of them to be neighbours in the table in which they are looked up.
    for (let n = 10; n < 310; n++) {
      list.add(candidate(1000, n, 7));
      list.add(candidate(1000, 7, n));
      list.add(candidate(1000 + n, 7, 7));
    }
  }
  assert.equal(list.length, 900);
  assert.equal(new Set(places(list).map(String)).size, 900);
});

test('of very many old records so many are told as there is room for, and how many are not', () => {
  const list = new OldList(2);
  for (const offset of [1000, 2000, 3000, 1000, 4000]) list.add(candidate(offset, 1, 1));
  assert.deepEqual([list.length, list.dropped], [2, 2]);
  assert.deepEqual(places(list), [
    [1000, 1, 1],
    [2000, 1, 1],
  ]);
});

test('of elements that lead to one place the one that proves most is told, then the one nearest to its home', () => {
  const list = new OldList(10);
  const told = (element: number, more: Partial<Candidate>) => {
    const one = candidate(1000, 1, 1, more);
    list.add({ ...one, record: { ...one.record, element } });
  };
  told(1, { proof: 'start', homeBits: 7 });
  told(2, { proof: 'hash', homeBits: 0 });
  told(3, { proof: 'bucket', homeBits: 3 });
  told(4, { proof: 'bucket', homeBits: 5 });
  told(5, { proof: 'bucket', homeBits: 5 });
  told(6, { proof: 'start', homeBits: 7 });
  list.sort(2 ** 20);
  assert.deepEqual(
    Array.from(list, ({ element }) => element),
    [4],
  );
});
