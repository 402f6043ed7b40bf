import { swap32 } from '../format/bytes.js';
import { magicMeaning } from '../format/format.js';

/**
 * Kinds of database that a program opens by one name: those of Python's `dbm`, and those of the C libraries behind it.
 * `ndbm` is a pair that is not GDBM; `unknown` is a file of another kind, or an empty one.
 */
export type DbmKind = 'gdbm' | 'dbm.sqlite3' | 'dbm.dumb' | 'ndbm' | 'berkeley-db' | 'unknown' | 'none';

/** Bytes at the beginning of a file that tell its kind. */
export const HEAD_BYTES = 16;

export const SQLITE_MAGIC = 'SQLite format 3\0';
/** Hash, queue, B-tree, log. */
const BERKELEY_MAGICS = [0x00061561, 0x00042253, 0x00053162, 0x00040988];

/** The kind of database that a file's first bytes tell; undefined if they tell none. */
export function kindOfHead(head: Uint8Array): 'gdbm' | 'dbm.sqlite3' | 'berkeley-db' | undefined {
  if (Array.from(SQLITE_MAGIC).every((letter, i) => head[i] === letter.charCodeAt(0))) return 'dbm.sqlite3';
  if (isBerkeley(head)) return 'berkeley-db';
  if (head.length < 4) return undefined;
  const magic = new DataView(head.buffer, head.byteOffset).getUint32(0, true);
  const isGdbm = magicMeaning(magic) !== undefined || magicMeaning(swap32(magic)) !== undefined;
  return isGdbm ? 'gdbm' : undefined;
}

/** True for a Berkeley DB: version 1.85 has its magic at 0, later ones at 12, in the byte order of the machine. */
export function isBerkeley(head: Uint8Array): boolean {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  return [0, 12].some(
    (at) =>
      head.length >= at + 4 &&
      (BERKELEY_MAGICS.includes(view.getUint32(at, true)) ||
        BERKELEY_MAGICS.includes(view.getUint32(at, false))),
  );
}

/**
 * The state of a database that is not GDBM, as far as it can be told:
 *
 * - `sound`: all that can be checked holds. A dbm.dumb and an SQLite database have no checksums, so a value may be wrong.
 * - `damaged`: `problems` say what is wrong.
 * - `unknown`: it could not be checked; `problems` say why.
 */
export interface DbmCheck {
  readonly verdict: 'sound' | 'damaged' | 'unknown';
  /** Records; undefined if they could not be counted. */
  readonly records: number | undefined;
  /** Sentences without a full stop: what is wrong, or why it is not known. Bytes of a file in them are not escaped. */
  readonly problems: readonly string[];
  /** True if the older and the newer index of a dbm.dumb have keys that the other lacks: both are needed. */
  readonly isJoined?: boolean;
}

/** Options of {@link checkDbm}. */
export interface DbmCheckOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds that SQLite's own check may take; 60,000 by default. */
  readonly timeout?: number | undefined;
}

/** A check that could not be made. */
export function unknownBecause(why: string): DbmCheck {
  return { verdict: 'unknown', records: undefined, problems: [why] };
}
