import type { Format } from '../../src/format/format.js';
import { FREE_HASH, hashKey } from '../../src/format/hash.js';
import { LAYOUT_64 } from '../../src/format/format.js';
import { Specimen } from './specimen.js';

export const FORMAT: Format = { layout: LAYOUT_64, byteOrder: 'little', variant: 'standard' };

/** A file with one empty bucket, to which every slot leads, and `room` bytes after it. */
export function oneBucket(block: number, room: number): Specimen {
  const bits = Math.log2(block / 8);
  const at = 2 * block;
  const s = Specimen.frame(FORMAT, at + block + room, { block, bits });
  for (let slot = 0; slot < 2 ** bits; slot++) s.setOffset(s.entryAt(slot), at);
  const bucket = s.bucket(at);
  for (let i = 0; i < bucket.elements; i++) bucket.setHash(i, FREE_HASH);
  return s;
}

export function anyBucket(s: Specimen): number {
  return s.directory[0];
}

/** Puts elements with the right hashes into the only bucket, where a lookup finds them; gives their number. */
export function storeAll(
  s: Specimen,
  count: number,
  make: (i: number) => { pointer: number; keySize: number; dataSize: number },
): number {
  const bucket = s.bucket(anyBucket(s));
  for (let n = 0; n < count; n++) {
    const { pointer, keySize, dataSize } = make(n);
    const key = s.bytes.slice(pointer, pointer + keySize);
    const hash = hashKey(key, 'signed');
    let i = hash % bucket.elements;
    while (bucket.hash(i) !== FREE_HASH) i = (i + 1) % bucket.elements;
    const element = {
      hash,
      key_start: key.slice(0, 4),
      data_pointer: pointer,
      key_size: keySize,
      data_size: dataSize,
    };
    bucket.setElement(i, element);
  }
  return count;
}
