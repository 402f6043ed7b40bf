import type { Confidence } from './confidence.js';
import type { Overwritten } from './overwritten.js';
import type { SalvagedRecord } from './salvage.js';

/** A record that was once stored and is not in force, `stale` or `deleted`, and what can be told of it. */
export interface OldRecord extends SalvagedRecord {
  readonly confidence: Confidence;
  readonly overwritten: Overwritten;
  /** Whether another old record begins at the same place: at most one of them is whole. */
  readonly shared: boolean;
  /** Whether the key is in force with another value. */
  readonly replaced: boolean;
  /** Whether just its bytes are listed as one free range: then nothing was written there since it was freed. */
  readonly freed: boolean;
  /** The key's first bytes as the element has them, at most 4; all that is known of the key of a `trace`. */
  readonly keyStart: Uint8Array;
  readonly shape: ValueShape | undefined;
}

/** The value's shape, if it begins as one that is known: whole if it ends just where the value does. */
export interface ValueShape {
  readonly name: string;
  readonly whole: boolean;
}

/**
 * Whether a record may be added to a fresh database: nothing of it is known to be overwritten, and of a deleted one a list of
 * free space has just its bytes.
 */
export function isAddable({ confidence, provenance, freed }: OldRecord): boolean {
  return (freed || provenance !== 'deleted') && (confidence === 'high' || confidence === 'medium');
}
