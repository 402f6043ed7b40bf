import type { HashChar } from '../format/hash.js';

/** Place of a record's bytes, and the element that points to it. The bytes themselves stay in the source. */
export interface StoredRecord {
  /** The element's hash, which the key's bytes give too. */
  readonly hash: number;
  /** The flavour by which the key gives that hash; `either` for keys that hash the same on every machine. */
  readonly hashChar: HashChar | 'either';
  /** File offset of the key; the value follows it. */
  readonly offset: number;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes of the value. */
  readonly dataSize: number;
  /** File offset of the bucket that holds the element. */
  readonly bucket: number;
  /** The element's index in the bucket. */
  readonly element: number;
}

/** An element in use whose record cannot be proved to be one that was stored, or is not the one in force. */
export interface RejectedElement {
  readonly reason: RejectReason;
  /** The element's hash as it stands. */
  readonly hash: number;
  /** The key's first bytes as the element holds them, at most 4. */
  readonly keyStart: Uint8Array;
  /** File offset of the key as it stands. */
  readonly offset: number;
  readonly keySize: number;
  readonly dataSize: number;
  readonly bucket: number;
  readonly element: number;
}

export const LOSS_REASONS = [
  'hash',
  'bounds',
  'gone',
  'missing',
  'key',
  'superseded',
  'duplicate',
  'unchecked',
] as const;
/**
 * Reasons why the record of an element in use is lost. `hash`: the hash is impossible. `bounds`: the record is not
 * inside the file. `gone`: bytes are missing from the file, or were put into it, where the record is. `missing`:
 * bytes are missing or were put in where the element itself is, so that nothing is known of its record. `key`: the
 * key's bytes do not give the hash. `superseded`: another bucket rules over this hash. `duplicate`: an earlier
 * element has the same key. `unchecked`: checking it would have cost more than any honest file.
 */
export type LossReason = (typeof LOSS_REASONS)[number];

/** Reason why an element in use proves no record; see {@link LossReason}. */
export type RejectReason = Exclude<LossReason, 'missing'>;
