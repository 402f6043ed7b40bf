import type { Overwritten } from './overwritten.js';
import type { Addition } from './salvage.js';

/**
 * How far an old record is to be believed. Measured with 22 histories of 2,000 to 9,000 stores and deletions by libgdbm
 * 1.23: the share of those whose key and value were really stored so. `high`, 100 %: the key's hash is of the bucket and
 * leads to the element's place, or the value is whole by its own shape, or no bucket is left that should know better; and a
 * list of free space has just its bytes. `medium`, 100 %: a list has them, too, but only a superseded bucket knows it, or the
 * element is left from another bucket, so that it is older, or another old record began at the same place; or it is a whole
 * value that no list has. `low`, 13 %: some of it is overwritten, no list has it, or the key fits the element no better than
 * by chance. `trace`: the key itself is overwritten, so that only its first bytes, the sizes and the place are known.
 */
export const CONFIDENCES = ['high', 'medium', 'low', 'trace'] as const;
export type Confidence = (typeof CONFIDENCES)[number];

/** What is known of an old record. */
export interface Evidence {
  readonly provenance: Exclude<Addition, 'carved'>;
  readonly proof: KeyProof;
  /** log2 of how unlikely it is that another key leads so near to the element's place. */
  readonly homeBits: number;
  readonly overwritten: Overwritten;
  /** Whether another old record begins at the same place. */
  readonly shared: boolean;
  /** Whether a list of free space has just its bytes as one range. */
  readonly freed: boolean;
  /** Whether the value is whole by its own shape; undefined where it has none that is known. */
  readonly whole: boolean | undefined;
}

/**
 * What says that the bytes at a record's place are its key. `hash`: the element's own. `bucket`: the element begins as the
 * key, and the key's hash is one of its bucket. `start`: only that it begins so; keys of one program often all do. `none`:
 * they are another one's. Those that prove more are behind.
 */
export const PROOFS = ['none', 'start', 'hash', 'bucket'] as const;
export type KeyProof = (typeof PROOFS)[number];

/** At home or next to it, in the buckets that libgdbm makes. */
const NEAR = 6;
/** With less the place says next to nothing: measured, most of the keys are another record's. */
export const TELLING = 4;

export function confidenceOf(evidence: Evidence): Confidence {
  const { provenance, proof, homeBits, overwritten, shared, freed, whole } = evidence;
  if (proof === 'none') return 'trace';
  if (overwritten.key + overwritten.value > 0 || whole === false) return 'low';
  if (provenance === 'deleted' && !freed) return whole === true ? 'medium' : 'low';
  if (proof === 'hash') return whole === true || (provenance === 'stale' && !shared) ? 'high' : 'medium';
  if (homeBits < TELLING) return 'low';
  if (whole === true) return 'high';
  if (proof === 'bucket' && homeBits >= NEAR) return shared ? 'medium' : 'high';
  return shared || (proof === 'start' && homeBits < NEAR) ? 'low' : 'medium';
}
