// From random, so that nobody can write keys into a file that all have the same hash.
const MULTIPLIER = Math.floor(Math.random() * 2 ** 31) | 1;

/** A hash that grows by one byte at a time, from the last byte of a key to its first; it begins with 0. */
export function suffixHashOn(hash: number, byte: number): number {
  const next = Math.imul(hash ^ (byte + 1), MULTIPLIER);
  return next ^ (next >>> 15);
}

/** The hash of a whole key. */
export function suffixHash(key: Uint8Array): number {
  let hash = 0;
  for (let k = key.length - 1; k >= 0; k--) hash = suffixHashOn(hash, key[k]);
  return hash;
}

/** The bits of a key's hash and its length, mixed. */
export function mixedWithLength(hash: number, length: number): number {
  const mixed = Math.imul(hash ^ length, 0x9e3779b1);
  return mixed ^ (mixed >>> 16);
}
