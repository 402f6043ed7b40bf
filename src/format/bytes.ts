/** Node's own comparison is many times faster for long runs; a browser has none. */
const native = (globalThis as { Buffer?: { compare(a: Uint8Array, b: Uint8Array): number } }).Buffer;
/** Shorter runs are compared here. */
const LONG = 64;

/** True if two runs of bytes are the same. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  if (a.length >= LONG && native !== undefined) return native.compare(a, b) === 0;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** True if this machine has the lowest byte of a number first. */
export const HOST_IS_LITTLE = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** A number of 32 bits with its bytes in the other order. */
export function swapped(word: number): number {
  return ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

/** The same, unsigned. */
export function swap32(value: number): number {
  return swapped(value) >>> 0;
}

/** Swaps each of some numbers. */
export function swapAll(words: Int32Array): void {
  for (let i = 0; i < words.length; i++) words[i] = swapped(words[i]);
}
