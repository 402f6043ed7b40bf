/** A record as it comes out of a dump. */
export interface DumpRecord {
  /** Good until the next batch is asked for. */
  readonly key: Uint8Array;
  /** Bytes of the value. */
  readonly dataSize: number;
  /** The key and the value directly after it; in pieces where the value is large. */
  readonly bytes: Uint8Array | AsyncIterable<Uint8Array>;
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

/** A dump that is being read. A batch's records are good until the next is asked for, and are to be used in order. */
export interface DumpReader {
  readonly header: DumpHeader;
  readonly batches: AsyncIterable<readonly DumpRecord[]>;
}

/** Values up to so many bytes are held whole; larger ones go by in pieces. */
export const HELD_VALUE = 1 << 20;
/** Bytes of a piece of a large value. */
export const PIECE = 1 << 20;
/** Sizes are signed 32-bit numbers in every GDBM file. */
export const MAX_SIZE = 0x7fffffff;
/** Records of a batch, and bytes of the arena that their keys and values are in. */
export const BATCH_RECORDS = 4096;
const ARENA = 4 << 20;

/** Room for the records of a batch: one piece of memory for all, because one for each would cost more than reading it. */
export class Arena {
  bytes = new Uint8Array(ARENA);
  used = 0;

  /** Sees to it that so many bytes are free from `used` on; what is there moves to larger memory if it must. */
  reserve(count: number, keepFrom: number): number {
    if (this.used + count <= this.bytes.length) return keepFrom;
    const kept = this.used - keepFrom;
    const bigger = new Uint8Array(Math.max(ARENA, Math.min((kept + count) * 2, kept + count + (64 << 20))));
    bigger.set(this.bytes.subarray(keepFrom, this.used));
    this.bytes = bigger;
    this.used = kept;
    return 0;
  }

  /** Whether a batch should end, so that memory stays as it is. */
  get isFull(): boolean {
    return this.used > ARENA / 2;
  }

  /** Starts over. Larger memory than usual is given back. */
  clear(): void {
    if (this.bytes.length > ARENA) this.bytes = new Uint8Array(ARENA);
    this.used = 0;
  }
}
