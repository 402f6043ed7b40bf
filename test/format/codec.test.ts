import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  availBlockStruct,
  availElementStruct,
  availTableOffset,
  decodeAvailHead,
  decodeAvailTable,
  encodeAvailBlock,
} from '../../src/format/avail.js';
import { BUCKET_AVAIL, bucketElementCount, BucketView, elementStruct } from '../../src/format/bucket.js';
import { BucketWriter } from '../../src/format/bucketwords.js';
import { decodeDirectory, encodeDirectory } from '../../src/format/directory.js';
import { FREE_HASH } from '../../src/format/hash.js';
import {
  decodeExtendedHeader,
  decodeHeader,
  encodeExtendedHeader,
  encodeHeader,
} from '../../src/format/header.js';
import type { Layout } from '../../src/format/format.js';
import { LAYOUT_32, LAYOUT_64 } from '../../src/format/format.js';
import { readOffset, viewOf, writeOffset } from '../../src/format/struct.js';
import type { Bucket } from './declaredbucket.js';
import { decodeBucket, encodeBucket, fullBucketStruct } from './declaredbucket.js';
import { anyMachine, MACHINES } from './formats.js';
import { runs } from '../tools/effort.js';

const SEED = 20261201;
const RUNS = { seed: SEED, numRuns: runs(200) };

/** Plain objects, as the decoders make them: deepEqual tells them from objects without a prototype. */
const anyOf = <T>(members: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record<T>(members, { noNullPrototype: true });

const int = fc.integer();
const unsigned = fc.integer({ min: 0, max: 0xffffffff });

function anyOffset(layout: Layout): fc.Arbitrary<number> {
  const max = layout.offsetBits === 32 ? 0x7fffffff : Number.MAX_SAFE_INTEGER;
  return fc.oneof(
    fc.integer({ min: -max, max }),
    fc.constantFrom(0, 1, -1, max, -max),
    fc.integer({ min: 0, max: 100_000 }),
  );
}

const machineAndOffset = anyMachine.chain((machine) =>
  anyOf({ machine: fc.constant(machine), offset: fc.constant(anyOffset(machine.layout)) }),
);

/** A machine with something to encode for it, which its width of offsets bounds. */
function forMachine<T>(make: (offset: fc.Arbitrary<number>) => fc.Arbitrary<T>) {
  return machineAndOffset.chain(({ machine, offset }) =>
    anyOf({ machine: fc.constant(machine), value: make(offset) }),
  );
}

test('a header comes back as it was encoded', () => {
  const header = forMachine((offset) =>
    anyOf({
      magic: unsigned,
      block_size: int,
      dir: offset,
      dir_size: int,
      dir_bits: int,
      bucket_size: int,
      bucket_elems: int,
      next_block: offset,
    }),
  );
  fc.assert(
    fc.property(header, ({ machine: { layout, byteOrder }, value }) => {
      assert.deepEqual(decodeHeader(encodeHeader(value, layout, byteOrder), layout, byteOrder), value);
    }),
    RUNS,
  );
});

test('an extended header comes back as it was encoded', () => {
  fc.assert(
    fc.property(anyMachine, anyOf({ version: int, numsync: unsigned }), ({ layout, byteOrder }, value) => {
      const bytes = encodeExtendedHeader(value, layout, byteOrder);
      assert.deepEqual(decodeExtendedHeader(bytes, layout, byteOrder), value);
    }),
    RUNS,
  );
});

test('an avail block comes back as it was encoded, and nothing beside it is touched', () => {
  const block = forMachine((offset) =>
    anyOf({
      size: int,
      next_block: offset,
      table: fc.array(anyOf({ av_size: int, av_adr: offset }), { maxLength: 12 }),
    }),
  );
  fc.assert(
    fc.property(block, fc.nat(40), ({ machine: { layout, byteOrder }, value }, at) => {
      const avail = { ...value, count: value.table.length };
      const tableAt = availTableOffset(layout);
      const end =
        at + Math.max(availBlockStruct(layout).size, tableAt + avail.count * availElementStruct(layout).size);
      const bytes = new Uint8Array(end + 9).fill(0xa5);
      encodeAvailBlock(avail, layout, byteOrder, bytes, at);
      const { table, ...head } = avail;
      assert.deepEqual(decodeAvailHead(bytes.subarray(at), layout, byteOrder), head);
      assert.deepEqual(decodeAvailTable(bytes, at + tableAt, avail.count, layout, byteOrder), table);
      assert.ok(bytes.subarray(0, at).every((byte) => byte === 0xa5));
      assert.ok(bytes.subarray(end).every((byte) => byte === 0xa5));
    }),
    RUNS,
  );
});

test('a directory comes back as it was encoded', () => {
  fc.assert(
    fc.property(
      forMachine((offset) => fc.array(offset, { maxLength: 40 })),
      ({ machine: { layout, byteOrder }, value }) => {
        const bytes = encodeDirectory(value, layout, byteOrder);
        assert.equal(bytes.length, value.length * (layout.offsetBits / 8));
        assert.deepEqual([...decodeDirectory(bytes, layout, byteOrder)], value);
      },
    ),
    RUNS,
  );
});

test('a bucket comes back as it was encoded, with the elements that were not given free', () => {
  const ELEMENTS = 5;
  const bucket = forMachine((offset) =>
    anyOf({
      av_count: int,
      bucket_avail: fc.array(anyOf({ av_size: int, av_adr: offset }), {
        minLength: BUCKET_AVAIL,
        maxLength: BUCKET_AVAIL,
      }),
      bucket_bits: int,
      count: int,
      elements: fc.array(
        anyOf({
          hash: int,
          key_start: fc.uint8Array({ minLength: 4, maxLength: 4 }),
          data_pointer: offset,
          key_size: int,
          data_size: int,
        }),
        { maxLength: ELEMENTS },
      ),
    }),
  );
  fc.assert(
    fc.property(bucket, ({ machine, value }) => {
      const format = { ...machine, variant: 'standard' } as const;
      // A few bytes more than the elements need: block sizes are no multiples of them.
      const bytes = encodeBucket(value, format, fullBucketStruct(machine.layout, ELEMENTS).size + 4);
      const decoded = plain(decodeBucket(bytes, format, ELEMENTS));
      const given = value.elements.length;
      assert.deepEqual({ ...decoded, elements: decoded.elements.slice(0, given) }, plain(value));
      assert.ok(decoded.elements.slice(given).every(({ hash }) => hash === FREE_HASH));
    }),
    RUNS,
  );
});

test('what is set in a bucket through the typed view is what the declaration reads', () => {
  const written = forMachine((offset) =>
    anyOf({
      bits: int,
      count: int,
      element: anyOf({
        hash: int,
        key_start: fc.uint8Array({ minLength: 4, maxLength: 4 }),
        data_pointer: offset,
        key_size: int,
        data_size: int,
      }),
      at: fc.nat(6),
    }),
  );
  fc.assert(
    fc.property(written, ({ machine, value: { bits, count, element, at } }) => {
      const format = { ...machine, variant: 'standard' } as const;
      const bytes = new Uint8Array(fullBucketStruct(machine.layout, 7).size);
      const view = new BucketView(bytes, format, 7);
      view.setHead(bits, count);
      view.setElement(at, element);
      const decoded = plain(decodeBucket(bytes, format, 7));
      assert.deepEqual([decoded.bucket_bits, decoded.count], [bits, count]);
      assert.deepEqual(decoded.elements[at], { ...element, key_start: [...element.key_start] });
      assert.ok(decoded.elements.every(({ hash }, i) => i === at || hash === 0));
    }),
    RUNS,
  );
});

test('a bucket made by numbers of this machine is what the declaration reads, one after the other', () => {
  const ELEMENTS = 7;
  const anyBucket = forMachine((offset) =>
    fc.array(
      anyOf({
        bits: int,
        count: int,
        elements: fc.uniqueArray(
          anyOf({
            at: fc.nat(ELEMENTS - 1),
            hash: fc.nat(),
            key_start: fc.uint8Array({ minLength: 4, maxLength: 4 }),
            data_pointer: offset.map(Math.abs),
            key_size: int,
            data_size: int,
          }),
          { selector: ({ at }) => at },
        ),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  );
  fc.assert(
    fc.property(anyBucket, fc.nat(5), ({ machine, value }, more) => {
      const format = { ...machine, variant: 'standard' } as const;
      const size = fullBucketStruct(machine.layout, ELEMENTS).size + more;
      const writer = new BucketWriter(format, size);
      assert.equal(writer.elements, ELEMENTS);
      for (const { bits, count, elements } of value) {
        writer.begin(bits, count);
        for (const { at, hash, key_start, data_pointer, key_size, data_size } of elements) {
          assert.ok(writer.isFree(at));
          const start = viewOf(key_start).getInt32(0, true);
          writer.put(at, hash, start, data_pointer | 0, data_pointer / 2 ** 32, key_size, data_size);
          assert.ok(!writer.isFree(at));
        }
        const bytes = writer.end();
        assert.equal(bytes.length, size);
        assert.ok(bytes.subarray(size - more).every((byte) => byte === 0));
        const decoded = plain(decodeBucket(bytes, format, ELEMENTS));
        const free = { hash: FREE_HASH, key_start: [0, 0, 0, 0], data_pointer: 0, key_size: 0, data_size: 0 };
        const expected = Array.from({ length: ELEMENTS }, () => free);
        for (const { at, key_start, ...element } of elements) {
          expected[at] = { ...element, key_start: [...key_start] };
        }
        assert.deepEqual(decoded.elements, expected);
        assert.deepEqual([decoded.bucket_bits, decoded.count, decoded.av_count], [bits, count, 0]);
      }
    }),
    RUNS,
  );
});

test('the typed view of a bucket agrees with the declaration in every field of any bytes', () => {
  for (const machine of MACHINES) {
    const format = { ...machine, variant: 'standard' } as const;
    const size = 400;
    const elements = bucketElementCount(machine.layout, size);
    // Not at the start of its buffer: a view must look at its own bytes only.
    const bytes = fc.uint8Array({ minLength: size + 3, maxLength: size + 3 }).map((all) => all.subarray(3));
    fc.assert(
      fc.property(bytes, (random) => {
        const view = new BucketView(random, format, elements);
        const viewed = {
          av_count: view.availCount,
          bucket_avail: view.avail(BUCKET_AVAIL),
          bucket_bits: view.bits,
          count: view.count,
          elements: Array.from({ length: elements }, (_, i) => ({
            hash: view.hash(i),
            key_start: [...view.keyStart(i)],
            data_pointer: view.dataPointer(i),
            key_size: view.keySize(i),
            data_size: view.dataSize(i),
          })),
        };
        assert.deepEqual(viewed, plain(decodeBucket(random, format, elements)));
        for (let i = 0; i < elements; i++) {
          const element = random.subarray(view.elementOffset(i));
          assert.equal(view.hash(i), viewOf(element).getInt32(0, machine.byteOrder === 'little'));
        }
        assert.equal(view.elementOffset(1) - view.elementOffset(0), elementStruct(machine.layout).size);
      }),
      { seed: SEED, numRuns: runs(40) },
    );
  }
});

test('a 64-bit offset of any bytes is rounded, never wrapped', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 8, maxLength: 8 }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => {
      const view = new DataView(new ArrayBuffer(8));
      view.setBigInt64(0, value);
      return new Uint8Array(view.buffer);
    }),
  );
  fc.assert(
    fc.property(bytes, fc.boolean(), (random, little) => {
      const view = viewOf(random);
      const read = readOffset(view, 0, LAYOUT_64, little);
      assert.equal(read, Number(view.getBigInt64(0, little)));
      const [entry] = decodeDirectory(random, LAYOUT_64, little ? 'little' : 'big');
      assert.equal(entry, read);
    }),
    { seed: SEED, numRuns: runs(500) },
  );
});

test('an offset that the layout cannot hold is refused and nothing is written', () => {
  const refused: [Layout, number[]][] = [
    [LAYOUT_64, [2 ** 53, -(2 ** 53), 2 ** 63, 0.5, NaN, Infinity, -Infinity]],
    [LAYOUT_32, [2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53, 0.5, NaN]],
  ];
  for (const [layout, values] of refused) {
    for (const value of values) {
      const view = new DataView(new ArrayBuffer(8));
      assert.throws(() => writeOffset(view, 0, value, layout, true), RangeError, `${value}`);
      assert.equal(view.getBigUint64(0), 0n);
    }
  }
});

/** A bucket with plain arrays for its bytes, so that a Buffer and a Uint8Array of the same bytes are equal. */
function plain(bucket: Bucket) {
  const elements = bucket.elements.map(({ key_start, ...rest }) => ({ ...rest, key_start: [...key_start] }));
  return { ...bucket, elements };
}
