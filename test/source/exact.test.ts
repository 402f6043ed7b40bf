import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import fc from 'fast-check';
import { check, openSearched } from '../../src/examine.js';
import { openDatabase } from '../../src/database/database.js';
import { readRecords } from '../../src/records.js';
import { exact } from '../../src/source/exact.js';
import type { Source } from '../../src/source/source.js';
import { SourceError } from '../../src/source/source.js';
import { fixture } from '../tools/fixtures.js';

const DAMAGED = await readFile(fixture('killed-shelve.db'));

/** A source of whose reads one is not what was asked for. */
function faulty(which: number, answer: (bytes: Uint8Array) => unknown): Source {
  let reads = 0;
  return {
    size: DAMAGED.length,
    async read(offset, length) {
      const bytes = DAMAGED.subarray(offset, offset + length);
      return (reads++ === which ? answer(bytes) : bytes) as Uint8Array;
    },
  };
}

const ANSWERS = [
  (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 1),
  (bytes: Uint8Array) => bytes.subarray(0, bytes.length >> 1),
  (bytes: Uint8Array) => new Uint8Array(bytes.length + 1),
  (bytes: Uint8Array) => bytes.slice().buffer,
  () => undefined,
];

test('a source that gives something else than it is asked for is told so, whichever read it is', async () => {
  let told = 0;
  await fc.assert(
    fc.asyncProperty(fc.nat(60), fc.constantFrom(...ANSWERS), fc.nat(2), async (which, answer, how) => {
      const source = faulty(which, answer);
      try {
        if (how === 0) await check(source);
        else if (how === 1) await openSearched(source);
        else {
          const db = await openDatabase(source);
          for await (const { readValue, dataSize } of readRecords(db!)) {
            assert.equal((await readValue()).length, dataSize);
          }
        }
      } catch (error) {
        assert.ok(error instanceof SourceError, String(error));
        assert.match(error.message, /^expected \d+ bytes at offset \d+, found/);
        told++;
      }
    }),
    { numRuns: 200 },
  );
  assert.ok(told > 50, `${told} were told`);
});

test('a source without a size is told so', async () => {
  for (const size of [NaN, -1, 1.5, Infinity, undefined]) {
    const source = { size, read: () => Promise.resolve(new Uint8Array(0)) } as Source;
    await assert.rejects(check(source), /expected the size of the source as a whole number of bytes/);
  }
});

test('a source is not looked at twice', () => {
  const source = faulty(-1, () => undefined);
  assert.notEqual(exact(source), source);
  assert.equal(exact(exact(source)), exact(source));
});
