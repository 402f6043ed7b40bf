import { BucketView, elementStruct } from '../../src/format/bucket.js';
import { decodeDirectory } from '../../src/format/directory.js';
import type { Format } from '../../src/format/format.js';
import type { HashChar } from '../../src/format/hash.js';
import { FREE_HASH } from '../../src/format/hash.js';
import type { Header } from '../../src/format/header.js';
import { decodeHeader } from '../../src/format/header.js';
import { latin1 } from './life.js';

/** A run of bytes of a file. */
export interface Range {
  readonly at: number;
  readonly length: number;
}

/** A record of the sound file and where its parts are. */
export interface IntactRecord {
  readonly key: string;
  readonly value: string;
  readonly element: Range;
  /** The key and, directly after it, the value. */
  readonly bytes: Range;
}

/** A sound database and where everything in it is. */
export interface Intact {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly format: Format;
  readonly hashChar: HashChar;
  readonly header: Header;
  readonly directory: Range;
  /** The bucket that each slot leads to. */
  readonly slots: readonly number[];
  /** Offset of each bucket, once. */
  readonly buckets: readonly number[];
  readonly records: ReadonlyMap<string, IntactRecord>;
  /** Every value that each key ever had, the one in force first; `undefined` is a deletion. */
  readonly history: ReadonlyMap<string, readonly (string | undefined)[]>;
  /** Another database of the same kind, none of whose keys are this one's. */
  readonly other: Intact | undefined;
  /** Synced states that the file went through before, oldest first. */
  readonly earlier?: readonly Intact[];
}

/**
 * Reads a sound file by the format's plain rules, with nothing of what is to be judged: no inference, no salvage.
 *
 * @throws if it does not hold what its history says
 */
export function intactOf(
  made: Pick<Intact, 'name' | 'bytes' | 'format' | 'hashChar' | 'history' | 'other' | 'earlier'>,
): Intact {
  const { bytes, format, history, name } = made;
  const { layout, byteOrder } = format;
  const header = decodeHeader(bytes.subarray(0, 64), layout, byteOrder);
  const directory = { at: header.dir, length: header.dir_size };
  const slots = [...decodeDirectory(slice(bytes, directory), layout, byteOrder)];
  const buckets = [...new Set(slots)].sort((a, b) => a - b);
  const records = new Map<string, IntactRecord>();
  for (const at of buckets) {
    const bucket = new BucketView(
      slice(bytes, { at, length: header.bucket_size }),
      format,
      header.bucket_elems,
    );
    for (let i = 0; i < bucket.elements; i++) {
      if (bucket.hash(i) === FREE_HASH) continue;
      const [pointer, keySize] = [bucket.dataPointer(i), bucket.keySize(i)];
      const key = latin1(slice(bytes, { at: pointer, length: keySize }));
      records.set(key, {
        key,
        value: latin1(slice(bytes, { at: pointer + keySize, length: bucket.dataSize(i) })),
        element: { at: at + bucket.elementOffset(i), length: elementStruct(layout).size },
        bytes: { at: pointer, length: keySize + bucket.dataSize(i) },
      });
    }
  }
  for (const [key, [value]] of history) {
    if (records.get(key)?.value !== value)
      throw new Error(`${name}: not the value of ${JSON.stringify(key)}`);
  }
  if ([...records.keys()].some((key) => !history.has(key))) throw new Error(`${name}: a key never stored`);
  return { ...made, header, directory, slots, buckets, records };
}

/** The bytes of a range. */
export function slice(bytes: Uint8Array, { at, length }: Range): Uint8Array {
  return bytes.subarray(at, at + length);
}
