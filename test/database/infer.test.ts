import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import fc from 'fast-check';
import { check } from '../../src/examine.js';
import { openDatabase } from '../../src/database/database.js';
import { inferFormat } from '../../src/database/infer.js';
import { headerStruct } from '../../src/format/header.js';
import { memorySource } from '../../src/source/source.js';
import { runs, SWEEP } from '../tools/effort.js';
import { fixture } from '../tools/fixtures.js';

const NAMES = ['amd64', 'amd64-numsync', 'i386', 'arm64', 's390x', 's390x-numsync'];
const intact = new Map<string, Buffer>();
for (const name of NAMES) intact.set(name, await readFile(fixture(`${name}.db`)));

test('with any one header field overwritten, a file is read as before', async () => {
  const cases = fc.record({
    name: fc.constantFrom(...NAMES),
    field: fc.constantFrom(
      'magic',
      'block_size',
      'dir',
      'dir_size',
      'dir_bits',
      'bucket_size',
      'bucket_elems',
      'next_block',
    ),
    value: fc.oneof(
      fc.uint8Array({ minLength: 8, maxLength: 8 }),
      fc.constant(new Uint8Array(8)),
      fc.constant(new Uint8Array(8).fill(255)),
    ),
  });
  await fc.assert(
    fc.asyncProperty(cases, async ({ name, field, value }) => {
      const original = intact.get(name)!;
      const before = (await inferFormat(memorySource(original)))!;
      const { offset, size } = headerStruct(before.format.layout).members.find((one) => one.name === field)!;
      const bytes = Uint8Array.from(original);
      bytes.set(value.subarray(0, size), offset);
      const after = await inferFormat(memorySource(bytes));
      assert.deepEqual(after?.format, before.format);
      assert.deepEqual(after?.geometry, before.geometry);
      assert.equal((await check(memorySource(bytes))).records.count, 102);
    }),
    { seed: 20261123, numRuns: runs(400) },
  );
});

test('whatever becomes of the rest of a file, one with a whole header is read in the layout that it tells', async () => {
  const cases = fc.record({
    name: fc.constantFrom(...NAMES),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.constantFrom(4, 28, 300, 512, 4096),
    how: fc.constantFrom('lost', 'zeroed', 'twice'),
  });
  await fc.assert(
    fc.asyncProperty(cases, async ({ name, at, length, how }) => {
      const original = intact.get(name)!;
      const before = (await inferFormat(memorySource(original)))!;
      const { blockSize } = before.geometry;
      // At each bucket's beginning as well as anywhere: what is left of one may look like one of another layout.
      const from = blockSize + Math.floor((at * (original.length - blockSize)) / 512) * 512;
      const parts =
        how === 'lost'
          ? [original.subarray(0, from), original.subarray(from + length)]
          : how === 'twice'
            ? [original.subarray(0, from + length), original.subarray(from)]
            : [original.subarray(0, from), new Uint8Array(length), original.subarray(from + length)];
      const after = await inferFormat(memorySource(Buffer.concat(parts)));
      assert.deepEqual(after?.format, before.format);
    }),
    { seed: 20261129, numRuns: runs(1500) },
  );
});

test('random bytes are not taken for a database', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 5000 }), async (bytes) => {
      assert.equal((await check(memorySource(bytes))).verdict, 'not-gdbm');
    }),
    { seed: 3, numRuns: runs(500) },
  );
});

test('a file cut anywhere inside its header is still known by its magic', async () => {
  for (const name of NAMES) {
    for (let length = 4; length < 512; length += SWEEP ? 13 : 52) {
      const result = await check(memorySource(intact.get(name)!.subarray(0, length)));
      assert.equal(result.verdict, 'damaged', `${name} cut to ${length}`);
      assert.equal(result.format?.byteOrder, name.startsWith('s390x') ? 'big' : 'little');
    }
  }
});

test('an old magic is read with either width of offsets', async () => {
  const bytes = Uint8Array.from(intact.get('amd64')!);
  new DataView(bytes.buffer).setUint32(0, 0x13579ace, true);
  const result = await check(memorySource(bytes));
  assert.equal(result.verdict, 'healthy');
  assert.equal(result.format?.variant, 'old');
  assert.equal(result.format?.layout.offsetBits, 64);
});

test('a large directory is read if at least half of it is in the file, not if it is a hole', async () => {
  const whole = await readFile(fixture('amd64.db'));
  const bits = 21;
  const bytes = Buffer.concat([whole, Buffer.alloc(8 * 2 ** bits + 512)]);
  const old = Number(whole.readBigInt64LE(8));
  const times = 2 ** bits / 64;
  for (let slot = 0; slot < 64; slot++) {
    const entry = whole.subarray(old + 8 * slot, old + 8 * slot + 8);
    bytes.fill(entry, whole.length + 8 * slot * times, whole.length + 8 * (slot + 1) * times);
  }
  bytes.writeBigInt64LE(BigInt(whole.length), 8);
  bytes.writeInt32LE(8 * 2 ** bits, 16);
  bytes.writeInt32LE(bits, 20);
  bytes.writeBigInt64LE(BigInt(bytes.length), 32);
  const entries = async () => (await openDatabase(memorySource(bytes)))?.directory.length;
  assert.equal(await entries(), 2 ** bits);
  bytes.fill(0, whole.length + 4 * 2 ** bits, whole.length + 8 * 2 ** bits);
  assert.equal(await entries(), 2 ** bits);
  bytes.fill(0, whole.length, whole.length + 8);
  assert.notEqual(await entries(), 2 ** bits);
});
