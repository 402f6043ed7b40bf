/*
 * The words of a record while its batch is made. They lie beside each other as records are read in another order than
 * they were taken: a column for each would be a look at another part of memory for each.
 */
export const WORDS = 8;
export const HASH = 0;
export const OFFSET_LOW = 1;
export const OFFSET_HIGH = 2;
export const KEY_SIZE = 3;
export const DATA_SIZE = 4;
/** Where it goes in the batch's memory, −1 for a large one. */
export const START = 5;
/** A second hash of the key. */
export const DIGEST = 6;
/** The record before with the same hash; −1 where there is none in the bucket. */
export const TWIN = 7;

/** The file offset of the record whose words begin at `at`. */
export function offsetOf(words: Int32Array, at: number): number {
  return words[at + OFFSET_HIGH] * 2 ** 32 + (words[at + OFFSET_LOW] >>> 0);
}

/** Which part of a file it begins in, parts of two to the power of `bits` bytes, up to 32: by whole numbers, which are quick. */
export function partOf(words: Int32Array, at: number, bits: number): number {
  return (words[at + OFFSET_HIGH] << (32 - bits)) | (words[at + OFFSET_LOW] >>> bits);
}
