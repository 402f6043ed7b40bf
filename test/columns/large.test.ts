import assert from 'node:assert/strict';
import test from 'node:test';
import { large } from '../../src/columns/large.js';

test('a list of any length is of zeroes and holds what is put into it', () => {
  for (const Numbers of [Uint8Array, Int32Array, Float64Array]) {
    for (const length of [0, 1, 131_071, 131_072, 1_048_577, 3_000_001]) {
      const list = large<Uint8Array | Int32Array | Float64Array>(Numbers, length);
      assert.ok(list instanceof Numbers);
      assert.equal(list.length, length);
      assert.ok(list.every((number) => number === 0));
      if (length === 0) continue;
      list[length - 1] = 77;
      assert.equal(large<Uint8Array | Int32Array | Float64Array>(Numbers, length)[length - 1], 0);
      assert.equal(list[length - 1], 77);
    }
  }
});

test('where there is no memory of its own for it, it is a list as any other', () => {
  const engines = globalThis as { WebAssembly?: unknown };
  const { WebAssembly: kept } = engines;
  try {
    for (const none of [
      undefined,
      {
        Memory: class {
          constructor() {
            throw new RangeError('no address space');
          }
        },
      },
    ]) {
      engines.WebAssembly = none;
      assert.equal(large(Int32Array, 1 << 20).length, 1 << 20);
    }
  } finally {
    engines.WebAssembly = kept;
  }
});
