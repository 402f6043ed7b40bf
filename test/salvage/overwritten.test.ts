import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Held } from '../../src/salvage/inforce.js';
import { Overwriting } from '../../src/salvage/overwritten.js';

const anyPlace = fc.record({
  offset: fc.integer({ min: 0, max: 60 }),
  keySize: fc.integer({ min: 1, max: 8 }),
  dataSize: fc.integer({ min: 0, max: 30 }),
});

test('each byte of an old record that somebody else has is counted once, of the key and of the value', () => {
  fc.assert(
    fc.property(
      anyPlace,
      fc.array(anyPlace, { maxLength: 5 }),
      fc.array(anyPlace, { maxLength: 5 }),
      (record, inForce, others) => {
        const held = inForce.map(({ offset, keySize, dataSize }): Held => {
          return { what: 'record', offset, keySize, length: keySize + dataSize, hash: 1 };
        });
        const touches = (at: number, length: number) =>
          held.filter((one) => one.offset < at + length && one.offset + one.length > at);
        function* generated(at: number, length: number) {
          yield* touches(at, length);
        }
        const old = [record, ...others].sort((a, b) => a.offset - b.offset);
        const overwriting = new Overwriting({ over: generated }, old, {
          buckets: [],
          bucketSize: 16,
        });
        const { key, value, by } = overwriting.of(record);

        const taken = new Set<number>();
        const claim = (at: number, length: number) => {
          for (let byte = at; byte < at + length; byte++) taken.add(byte);
        };
        for (const one of held) claim(one.offset, one.length);
        // An old one that began before wrote no byte since: its key would be gone, or this one's.
        for (const one of old) if (one.offset > record.offset) claim(one.offset, one.keySize + one.dataSize);
        const bytes = Array.from({ length: record.keySize + record.dataSize }, (_, i) =>
          taken.has(record.offset + i),
        );
        assert.equal(key, bytes.slice(0, record.keySize).filter(Boolean).length);
        assert.equal(value, bytes.slice(record.keySize).filter(Boolean).length);
        assert.equal(by.length > 0, key + value > 0);
      },
    ),
  );
});
