import type { Source } from '../source/source.js';
import { DumpError } from './input.js';

/** Records as they come out of a dump, many in one piece of memory. All is good until the next batch is asked for. */
export interface DumpBatch {
  readonly count: number;
  /** Each key, the value directly after it, and then the next record, from the beginning on. */
  readonly bytes: Uint8Array;
  /** Bytes of each key. */
  readonly keySizes: Int32Array;
  /** Bytes of each value. */
  readonly dataSizes: Int32Array;
}

/** A record whose value is too large to be held, so that it goes by in pieces. */
export interface LargeRecord {
  readonly key: Uint8Array;
  /** Bytes of the value; undefined where the dump tells only by its end. */
  readonly dataSize: number | undefined;
  /** The key and the value directly after it. */
  readonly pieces: AsyncIterable<Uint8Array>;
}

/** What a dump says of the database that it is of. */
export interface DumpHeader {
  readonly kind: DumpKind;
  /** The name of the database. */
  readonly file?: string | undefined;
  readonly uid?: number | undefined;
  readonly user?: string | undefined;
  readonly gid?: number | undefined;
  readonly group?: string | undefined;
  /** Permission bits. */
  readonly mode?: number | undefined;
  readonly variant?: 'standard' | 'numsync' | undefined;
}

/** `bdb` is a dump of Berkeley DB's db_dump. */
export type DumpKind = 'ascii' | 'binary' | 'ndjson' | 'bdb';

/** A dump that is being read. What is given is to be used before the next is asked for. */
export interface DumpReader {
  readonly header: DumpHeader;
  readonly batches: AsyncIterable<DumpBatch | LargeRecord>;
}

/** Values up to so many bytes are held whole; larger ones go by in pieces. */
export const HELD_VALUE = 1 << 20;
/**
 * Bytes of a key at most. A key is held whole, because its hash decides where the record goes, and a line of a dump must not
 * take the memory of a machine; 4 MiB is far more than any program has as a key.
 */
export const LONGEST_KEY = 4 << 20;
/**
 * Reads a key that must be held.
 *
 * @throws DumpError if it is too long for that: in a sparse file a key of 2 GiB takes no room on the disk
 */
export async function readKey(source: Source, offset: number, size: number): Promise<Uint8Array> {
  if (size > LONGEST_KEY) {
    throw new DumpError(
      `the key at offset ${offset} has ${size} bytes, more than the ${LONGEST_KEY} that are held of one here. ` +
        'dump writes it, in any form',
    );
  }
  return source.read(offset, size);
}

/** Characters of a line that is held whole: enough for a key of that size, or for a value that is held, in hexadecimal. */
export const HELD_LINE = 2 * LONGEST_KEY + 64;
/** Bytes of a piece of a large value. */
export const PIECE = 1 << 20;
/** Records of a batch at most, and bytes of their memory. */
const BATCH_RECORDS = 1 << 14;
const ARENA = 4 << 20;

/** Room for the records of a batch: one piece of memory for all, which is used again for the next. */
export class Arena implements DumpBatch {
  bytes = new Uint8Array(ARENA);
  used = 0;
  count = 0;
  readonly keySizes = new Int32Array(BATCH_RECORDS);
  readonly dataSizes = new Int32Array(BATCH_RECORDS);

  /** Sees to it that so many bytes are free from `used` on; what is there may move to larger memory. */
  reserve(count: number): void {
    if (this.used + count <= this.bytes.length) return;
    const least = this.used + count;
    const bigger = new Uint8Array(Math.min(least * 2, least + (64 << 20)));
    bigger.set(this.bytes.subarray(0, this.used));
    this.bytes = bigger;
  }

  /** Says that the last bytes are a record. */
  add(keySize: number, dataSize: number): void {
    this.keySizes[this.count] = keySize;
    this.dataSizes[this.count++] = dataSize;
  }

  /** Adds a record that is there as a whole. */
  append(key: Uint8Array, value: Uint8Array): void {
    this.reserve(key.length + value.length);
    this.bytes.set(key, this.used);
    this.bytes.set(value, this.used + key.length);
    this.used += key.length + value.length;
    this.add(key.length, value.length);
  }

  /** Whether a batch should end, so that memory stays as it is. */
  get isFull(): boolean {
    return this.used > ARENA / 2 || this.count === BATCH_RECORDS;
  }

  /** Starts over. Larger memory than usual is given back. */
  clear(): void {
    if (this.bytes.length > ARENA) this.bytes = new Uint8Array(ARENA);
    this.used = 0;
    this.count = 0;
  }
}
