import assert from 'node:assert/strict';
import test from 'node:test';
import type { CarvedValue } from '../../src/salvage/carve.js';
import { carve } from '../../src/salvage/carve.js';
import { KnownKeys } from '../../src/salvage/knownkeys.js';
import type { Shape } from '../../src/salvage/shape.js';
import { SHAPES } from '../../src/salvage/shape.js';
import { memorySource } from '../../src/source/source.js';
import type { Source } from '../../src/source/source.js';
import { cpuTime } from '../tools/cpu.js';
import { Random } from '../tools/random.js';

const encoder = new TextEncoder();

function knownKeys(...keys: string[]): KnownKeys {
  return new KnownKeys(keys.map((key) => encoder.encode(key)));
}

/** A pickle of protocol 4 of bytes, in a frame. */
function pickled(content: Uint8Array): Uint8Array {
  const length = content.length;
  const frame = length + 4;
  const head = [0x80, 4, 0x95, frame, 0, 0, 0, 0, 0, 0, 0, 0x43, length];
  assert.ok(frame < 256);
  return Uint8Array.from([...head, ...content, 0x94, 0x2e]);
}

function joined(...parts: (string | Uint8Array | number[])[]): Uint8Array {
  return Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? encoder.encode(part) : Uint8Array.from(part))),
  );
}

async function carveAll(
  source: Source | Uint8Array,
  {
    keys = knownKeys(),
    ...options
  }: Partial<Omit<Parameters<typeof carve>[1], 'keys'>> & { keys?: KnownKeys } = {},
): Promise<CarvedValue[]> {
  const from = source instanceof Uint8Array ? memorySource(source) : source;
  const found: CarvedValue[] = [];
  const whole = [{ offset: 0, length: from.size }];
  for await (const value of carve(from, { ranges: whole, keys: () => Promise.resolve(keys), ...options }))
    found.push(value);
  return found;
}

test('a value is found with the longest known key directly before it', async () => {
  const value = pickled(encoder.encode('hello'));
  const file = joined('xxuser:1', value, 'yy', value, 'user:1_', value);
  const found = await carveAll(file, { keys: knownKeys('1', 'user:1', 'r:1', 'a longer key', 'user:2') });
  const size = value.length;
  assert.deepEqual(found, [
    { shape: 'pickle', offset: 8, size, key: { offset: 2, size: 6 } },
    { shape: 'pickle', offset: 10 + size, size },
    { shape: 'pickle', offset: 17 + 2 * size, size },
  ]);
});

test('a value and its key lie in one range, and a key does not lie in the value before', async () => {
  const value = pickled(encoder.encode('hello'));
  const file = joined('key1', value, 'key2', value, value);
  const second = 8 + value.length;
  const keys = knownKeys('key1', 'key2', 'y2', '.');
  const inside = [
    { offset: 0, length: 4 + value.length - 1 },
    { offset: second - 2, length: value.length + 2 },
    { offset: second + value.length, length: value.length },
  ];
  assert.deepEqual(await carveAll(file, { ranges: inside, keys }), [
    { shape: 'pickle', offset: second, size: value.length, key: { offset: second - 2, size: 2 } },
    { shape: 'pickle', offset: second + value.length, size: value.length },
  ]);
});

test('a pickle inside of a pickle is part of it; where the outer one is cut, the inner one is found', async () => {
  const inner = pickled(encoder.encode('inside'));
  const outer = pickled(inner);
  assert.deepEqual(await carveAll(joined('..', outer, '..')), [
    { shape: 'pickle', offset: 2, size: outer.length },
  ]);
  assert.deepEqual(await carveAll(outer.subarray(0, outer.length - 1)), [
    { shape: 'pickle', offset: 13, size: inner.length },
  ]);
});

test('a value that may be chance is only given with a key that is not', async () => {
  const none = [0x80, 4, 0x4e, 0x2e];
  const file = joined('a-key', none, 'b', none, 'c', none);
  assert.deepEqual(await carveAll(file, { keys: knownKeys('a-key', 'b') }), [
    { shape: 'pickle', offset: 5, size: 4, key: { offset: 0, size: 5 } },
  ]);
});

test('values over and between windows are found', async () => {
  const random = new Random(11);
  const file = new Uint8Array(5 << 20).map(() => random.below(0x80));
  const value = pickled(encoder.encode('x'.repeat(200)));
  const offsets = [1 << 20, 2 << 20, 3 << 20, 4 << 20].map((edge, i) => edge - [1, 30, 0, 200][i]);
  for (const offset of offsets) file.set(joined('key', value), offset - 3);
  const found = await carveAll(file, { keys: knownKeys('key') });
  const size = value.length;
  assert.deepEqual(
    found,
    offsets.map((offset) => ({ shape: 'pickle', offset, size, key: { offset: offset - 3, size: 3 } })),
  );
});

test('windows without a place to look at are not read', async () => {
  const file = new Uint8Array(8 << 20);
  const value = pickled(encoder.encode('far'));
  file.set(value, 6 << 20);
  let read = 0;
  const inner = memorySource(file);
  const source: Source = {
    size: inner.size,
    read: (offset, length) => {
      read += length;
      return inner.read(offset, length);
    },
  };
  const ranges = [{ offset: (6 << 20) - 10, length: 1000 }];
  assert.equal((await carveAll(source, { ranges })).length, 1);
  assert.ok(read < 3 << 20, String(read));
});

/** Carves a file of one repeated piece, and counts the bytes read and the CPU time taken. */
async function costOf(
  piece: number[],
  size: number,
  keys = knownKeys(),
): Promise<{ read: number; ms: number; found: number }> {
  const file = new Uint8Array(size);
  for (let i = 0; i < size; i++) file[i] = piece[i % piece.length];
  let read = 0;
  const inner = memorySource(file);
  const source: Source = {
    size,
    read: (offset, length) => {
      read += length;
      return inner.read(offset, length);
    },
  };
  const started = cpuTime();
  const found = await carveAll(source, { keys });
  return { read, ms: cpuTime() - started, found: found.length };
}

test('files that seem to begin a value everywhere are not read over and over', async () => {
  const size = 1 << 19;
  const most = (16 << 20) + 18 * size;
  const long = new KnownKeys([new Uint8Array(1 << 20).fill(1)]);
  const hostile: [what: string, piece: number[], keys?: KnownKeys][] = [
    ['headers', [0x80, 4]],
    ['headers inside of arguments', [0x80, 3, 0x43, 2]],
    ['headers inside of ever more things', [0x80, 3, 0x4d]],
    ['small ones that may be chance, and a long key', [0x80, 3, 0x4e, 0x2e], long],
    ['frames that are too long', [0x80, 4, 0x95, 0, 0, 1, 0, 0, 0, 0, 0]],
    ['marks', [0x80, 3, ...new Array<number>(60).fill(0x28), 0x43, 2]],
  ];
  for (const [what, piece, keys] of hostile) {
    const { read, ms, found } = await costOf(piece, size, keys);
    assert.ok(
      found <= 1 && read <= most && ms < 30_000,
      `${what}: ${found} found, ${read} bytes in ${ms} ms`,
    );
  }
});

test('after a part that costs much, values are found again', async () => {
  const size = 1 << 20;
  const file = new Uint8Array(size + (1 << 20));
  for (let i = 0; i < size; i++) file[i] = [0x80, 3, 0x43, 2][i % 4];
  const value = pickled(encoder.encode('behind'));
  const behind = size + (1 << 19);
  file.set(value, behind);
  assert.deepEqual(await carveAll(file), [{ shape: 'pickle', offset: behind, size: value.length }]);
});

test('random bytes hold no value', async () => {
  const words = new Uint32Array(1 << 20);
  let state = 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  assert.deepEqual(await carveAll(new Uint8Array(words.buffer), { keys: knownKeys('a', 'bc', 'key') }), []);
});

test('another shape is one object more', async () => {
  /** Text between braces. */
  const braces: Shape = {
    name: 'braces',
    mayStart: (bytes, at) => bytes[at] === 0x7b,
    async measure(source, offset, end) {
      const bytes = await source.read(offset, Math.min(100, end - offset));
      const size = bytes.indexOf(0x7d) + 1;
      return size === 0 ? undefined : { size, sure: true };
    },
  };
  const value = pickled(encoder.encode('{inner}'));
  const found = await carveAll(joined('k{"a":1}', value, '{open'), {
    keys: knownKeys('k'),
    shapes: [...SHAPES, braces],
  });
  assert.deepEqual(found, [
    { shape: 'braces', offset: 1, size: 7, key: { offset: 0, size: 1 } },
    { shape: 'pickle', offset: 8, size: value.length },
  ]);
});
