/** Whether this machine has the lowest byte of a number first. */
export const HOST_IS_LITTLE = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** A number of 32 bits with its bytes in the other order. */
export function swapped(word: number): number {
  return ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

/** Swaps each of some numbers. */
export function swapAll(words: Int32Array): void {
  for (let i = 0; i < words.length; i++) words[i] = swapped(words[i]);
}
