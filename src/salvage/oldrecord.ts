import type { Confidence } from './confidence.js';
import type { Overwritten } from './overwritten.js';
import type { SalvagedRecord } from './salvage.js';

/** A record that was once stored and is not in force, `stale` or `deleted`, with the evidence for it. */
export interface OldRecord extends SalvagedRecord {
  readonly confidence: Confidence;
  readonly overwritten: Overwritten;
  /** True if another old record begins at the same place; at most one of them is whole. */
  readonly shared: boolean;
  /** True if the key is in force with another value. */
  readonly replaced: boolean;
  /** True if exactly its bytes are listed as one free range, so that nothing was written there since it was freed. */
  readonly freed: boolean;
  /** The key's first bytes as the element has them, at most 4; all that is known of the key of a `trace`. */
  readonly keyStart: Uint8Array;
  readonly shape: ValueShape | undefined;
}

/** Known shape that a value begins with; it is whole if it ends exactly where the value does. */
export interface ValueShape {
  readonly name: string;
  readonly whole: boolean;
}

/**
 * Returns true if a record may be added to a fresh database: none of it is known to be overwritten, and for a deleted
 * one a list of free space has exactly its bytes.
 */
export function isAddable({ confidence, provenance, freed }: OldRecord): boolean {
  return (freed || provenance !== 'deleted') && (confidence === 'high' || confidence === 'medium');
}
