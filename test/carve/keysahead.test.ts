import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { CarvedValue } from '../../src/carve/carve.js';
import { carve } from '../../src/carve/carve.js';
import { KeysAhead, keysFor } from '../../src/carve/keysahead.js';
import type { KeysBefore } from '../../src/carve/keysbefore.js';
import { KnownKeys } from '../../src/carve/knownkeys.js';
import type { Shape } from '../../src/carve/shape.js';
import { SHAPES } from '../../src/carve/shapes.js';
import type { Range } from '../../src/source/gather.js';
import { memorySource } from '../../src/source/memory.js';

/** Text between braces, which may be chance; pickles may begin in it and reach over its end. */
const braces: Shape = {
  name: 'braces',
  mayStart: (bytes, at) => bytes[at] === 0x7b,
  async measure(source, offset, end) {
    const bytes = await source.read(offset, Math.min(100, end - offset));
    const size = bytes.indexOf(0x7d) + 1;
    return size === 0 ? undefined : { size, sure: false };
  },
};
const shapes = [...SHAPES, braces];

const bytesOf = (text: string) => Buffer.from(text, 'latin1');
const sure = bytesOf('\x80\x04\x95\x09\0\0\0\0\0\0\0C\x05hello\x94.');
const overlapping = bytesOf('\x80\x04\x95\x09\0\0\0\0\0\0\0C\x05}{lo}\x94.');
const chance = bytesOf('\x80\x04N.');
/** Longer than what is held against all keys at first; one that ends as it does, and one that does not. */
const long = bytesOf('long'.repeat(30));
const KEYS = ['a-key', 'b', 'key', 'other-key', 'abcde']
  .map(bytesOf)
  .concat(long, Buffer.concat([bytesOf('x'), long]));

const piece = fc.oneof(
  fc.constantFrom(sure, chance, overlapping, ...KEYS, long.subarray(1)),
  fc.constantFrom('{', '}', '{}', '{a}', 'a', '{\x80\x04').map(bytesOf),
  fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes)),
);

async function carved(file: Uint8Array, ranges: Range[], keys: KeysBefore): Promise<CarvedValue[]> {
  const found: CarvedValue[] = [];
  const options = { ranges, keys: () => Promise.resolve(keys), shapes };
  for await (const value of carve(memorySource(file), options)) found.push(value);
  return found;
}

const eachOf = (keys: Iterable<Uint8Array>) => (visit: (key: Uint8Array) => void) => {
  for (const key of keys) visit(key);
  return Promise.resolve();
};

test('keys that are looked ahead to tell what all of them would, whatever lies there', async () => {
  const file = fc.array(piece, { maxLength: 30 });
  const gaps = fc.uniqueArray(fc.nat(400), { maxLength: 4 });
  let values = 0;
  await fc.assert(
    fc.asyncProperty(
      file,
      gaps,
      fc.subarray(KEYS),
      fc.integer({ min: 1, max: 40 }),
      async (parts, cuts, some, ahead) => {
        const bytes = Buffer.concat(parts);
        const edges = [
          0,
          ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b),
          bytes.length + 1,
        ];
        const ranges = edges
          .slice(1)
          .map((edge, i) => ({ offset: edges[i], length: edge - 1 - edges[i] }))
          .filter(({ length }) => length > 0);
        const known = new KnownKeys(some);
        const eachKey = eachOf([...some, ...some]);
        const source = memorySource(bytes);
        const keys = new KeysAhead(source, { ranges, eachKey, shapes, ahead });
        const found = await carved(bytes, ranges, keys);
        assert.deepEqual(found, await carved(bytes, ranges, known));
        values += found.filter(({ key }) => key !== undefined).length;
      },
    ),
    { numRuns: 2000 },
  );
  assert.ok(values > 100, String(values));
});

test('of many keys none is lost: small values that may be chance come back by them', async () => {
  const count = 300_000;
  const key = (n: number) => Buffer.from(`session:${String(n).padStart(7, '0')}`);
  const all = Array.from({ length: count }, (_, n) => key(n));
  const parts: Buffer[] = [];
  for (let n = 0; n < 60_000; n++) parts.push(key(5 * n), chance);
  for (let n = 0; n < 1000; n++) parts.push(Buffer.from(`session:x${n}`), chance);
  const file = Buffer.concat(parts);
  const ranges = [{ offset: 0, length: file.length }];
  for (const least of [0, count]) {
    const keys = await keysFor(memorySource(file), ranges, eachOf(all), least);
    assert.ok(keys instanceof KeysAhead);
    const found = await carved(file, ranges, keys);
    assert.equal(found.length, 60_000);
    for (const [n, value] of found.entries()) assert.deepEqual(value.key, { offset: n * 19, size: 15 });
  }
  assert.ok((await keysFor(memorySource(file), ranges, eachOf(all.slice(0, 1000)))) instanceof KnownKeys);
});

test('a file that misleads the look ahead at every value does not gather keys for each', async () => {
  // Each pickle begins in what its key proves to be a value, which ends in it: it is not asked for, but what is in it is.
  const part = Buffer.concat([KEYS[0], bytesOf('{'), KEYS[0], overlapping]);
  const file = Buffer.concat(Array.from({ length: 2000 }, () => part));
  const ranges = [{ offset: 0, length: file.length }];
  let gathered = 0;
  const eachKey = eachOf(KEYS);
  const keys = new KeysAhead(memorySource(file), {
    ranges,
    shapes,
    eachKey: (visit) => {
      gathered++;
      return eachKey(visit);
    },
  });
  const found = await carved(file, ranges, keys);
  assert.ok(found.length >= 2000, String(found.length));
  assert.ok(gathered > 1 && gathered <= 17, String(gathered));
});
