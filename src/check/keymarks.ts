import { KEY_START } from '../format/bucket.js';
import { DIGEST_FACTOR, hashFinish, hashKey, hashStart, keyDigest, KeyHasher } from '../format/hash.js';
import type { Source } from '../source/source.js';
import { readChunks } from '../source/source.js';
import { SIGNED, START, UNSIGNED } from './marks.js';
import type { ElementColumns } from './columns.js';
import { eachKey } from './keywindows.js';

/**
 * Holds keys against their elements, in order of their offsets.
 *
 * @param order the elements' numbers in order of their offsets
 * @param take gets of each element {@link SIGNED}, {@link UNSIGNED} and {@link START} as far as they are so, and a second
 *   hash of the key
 */
export async function markKeys(
  source: Source,
  columns: ElementColumns,
  order: Uint32Array,
  take: (n: number, flags: number, digest: number) => void,
): Promise<void> {
  const { hashes, keySizes, starts } = columns;
  const visit = (n: number, bytes: Uint8Array, at: number): boolean => {
    const size = keySizes[n];
    let flags = 0;
    let start = starts[n];
    for (let i = 0; i < KEY_START && i < size; i++) {
      if ((start & 0xff) !== bytes[at + i]) flags = START;
      start >>>= 8;
    }
    // One loop for all that is wanted of the bytes.
    let all = 0;
    let digest = keyDigest(size);
    let sum = hashStart(size);
    let shift = 0;
    for (let i = at, end = at + size; i < end; i++) {
      const byte = bytes[i];
      all |= byte;
      digest = Math.imul(digest ^ byte, DIGEST_FACTOR);
      sum = (sum + (byte << shift)) | 0;
      shift = shift >= 19 ? shift - 19 : shift + 5;
    }
    if (hashFinish(sum) === hashes[n]) flags |= all < 0x80 ? SIGNED | UNSIGNED : UNSIGNED;
    if (all >= 0x80 && hashKey(bytes.subarray(at, at + size), 'signed') === hashes[n]) flags |= SIGNED;
    take(n, flags, digest);
    return true;
  };
  await eachKey(source, columns, order, visit, async (n) => {
    take(n, await largeKeyFlags(source, columns, n), 0);
    return true;
  });
}

async function largeKeyFlags(
  source: Source,
  { offsets, hashes, keySizes, starts }: ElementColumns,
  n: number,
): Promise<number> {
  const signed = new KeyHasher(keySizes[n], 'signed');
  const unsigned = new KeyHasher(keySizes[n], 'unsigned');
  for await (const bytes of readChunks(source, offsets[n], keySizes[n])) {
    signed.update(bytes);
    unsigned.update(bytes);
  }
  const first = new DataView((await source.read(offsets[n], KEY_START)).slice().buffer);
  const fits =
    (signed.digest() === hashes[n] ? SIGNED : 0) | (unsigned.digest() === hashes[n] ? UNSIGNED : 0);
  return first.getInt32(0, true) === starts[n] ? fits : fits | START;
}
