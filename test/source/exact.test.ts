import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import fc from 'fast-check';
import { memorySink } from '../../src/write/sink.js';
import { carve } from '../../src/salvage/carve.js';
import { KnownKeys } from '../../src/salvage/knownkeys.js';
import { predictLibgdbm } from '../../src/check/libgdbm.js';
import { check, openSearched, search } from '../../src/examine.js';
import { openDatabase } from '../../src/database/database.js';
import { walkPickle } from '../../src/pickle/walk.js';
import { checkProfile } from '../../src/profile/inspect.js';
import { readRecords } from '../../src/read/records.js';
import { salvage } from '../../src/salvage/salvage.js';
import { exact, memorySource, SourceError } from '../../src/source/source.js';
import type { Source } from '../../src/source/source.js';
import { runs } from '../tools/effort.js';
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
    { numRuns: runs(2000) },
  );
  assert.ok(told > 50, `${told} were told`);
});

test('so it is told by whatever else takes a source', async () => {
  const size = DAMAGED.length;
  const ranges = [{ offset: 0, length: size }];
  const keys = () => Promise.resolve(new KnownKeys([]));
  const asked: Record<string, (source: Source) => Promise<unknown>> = {
    predictLibgdbm,
    walkPickle: (source) => walkPickle(source, 0, size),
    carve: (source) => carve(source, { ranges, keys }).next(),
    checkProfile: async (source) => {
      const db = (await openDatabase(memorySource(DAMAGED)))!;
      const { survey } = await search(db);
      return checkProfile(source, () => salvage(db, survey));
    },
  };
  const answers = [...ANSWERS, () => new Uint8Array(0)];
  for (const [name, ask] of Object.entries(asked)) {
    for (const answer of answers) {
      await assert.rejects(
        ask(faulty(0, answer)),
        /^SourceError: expected \d+ bytes at offset \d+, found/,
        name,
      );
    }
  }
});

test('so is one that can also fill what it is given', async () => {
  for (const answer of ANSWERS) {
    const source = exact({
      ...faulty(0, answer),
      readInto: async (offset, into) => into.set(DAMAGED.subarray(offset, offset + into.length)),
    });
    await assert.rejects(source.read(0, 40), SourceError);
    const into = new Uint8Array(40);
    await source.readInto!(100, into);
    assert.deepEqual(into, Uint8Array.from(DAMAGED.subarray(100, 140)));
  }
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

test('a source that has grown since is looked at anew', async () => {
  const sink = memorySink();
  assert.equal(await openDatabase(sink), undefined);
  await sink.write(0, DAMAGED);
  assert.equal((await openDatabase(sink))?.source.size, DAMAGED.length);
});
