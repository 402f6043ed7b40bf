import { BucketView, elementStruct, elementsStart } from '../format/bucket.js';
import type { Format } from '../format/format.js';
import { RangeReader } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import type { KeyRanges, LongKeyBudget } from './keyhashes.js';
import { hashRanges } from './keyhashes.js';

/** Elements that stand alone, as parallel lists. */
export interface LooseElements extends KeyRanges {
  /** File offsets of the elements. */
  readonly at: Float64Array;
  /** Hashes stored in the elements. */
  readonly hashes: Int32Array;
  readonly starts: Uint32Array;
}

/** Reads the elements at the given places of a file; each must be whole inside it, and the places in order. */
export async function readElements(source: Source, format: Format, at: Float64Array): Promise<LooseElements> {
  const { size } = elementStruct(format.layout);
  const length = at.length;
  const hashes = new Int32Array(length);
  const offsets = new Float64Array(length);
  const sizes = new Int32Array(length);
  const starts = new Uint32Array(length);
  const first = elementsStart(format);
  // A bucket of one element, so that the bucket's reader decodes the fields.
  const bytes = new Uint8Array(first + size);
  const one = new BucketView(bytes, format, 1);
  await new RangeReader(source).read(at, new Int32Array(length).fill(size), (i, from, start) => {
    bytes.set(from.subarray(start, start + size), first);
    hashes[i] = one.hash(0);
    offsets[i] = one.dataPointer(0);
    sizes[i] = one.keySize(0);
    starts[i] = startNumber(one.keyStart(0));
  });
  return { length, at, hashes, offsets, sizes, starts };
}

/** Indexes of the elements that point at a key with their hash, in ascending order. */
export async function proveElements(
  source: Source,
  elements: LooseElements,
  budget: LongKeyBudget,
): Promise<number[]> {
  const { signed, unsigned } = await hashRanges(source, elements, budget);
  const proved: number[] = [];
  for (let i = 0; i < elements.length; i++) {
    const hash = elements.hashes[i];
    if (hash === signed[i] || hash === unsigned[i]) proved.push(i);
  }
  return proved;
}

/** The first four bytes of a key as one number, the first byte in the most significant place. */
function startNumber(bytes: Uint8Array): number {
  return ((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0;
}
