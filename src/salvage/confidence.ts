import type { Overwritten } from './overwritten.js';
import type { Addition } from './salvage.js';
import { weights } from '../weights.js';

export const CONFIDENCES = ['high', 'medium', 'low', 'trace'] as const;
/**
 * Credibility of an old record. Measured with 48 histories of 300 to 12,000 stores and deletions by libgdbm 1.23
 * (`npm run undelete`), as the share of records whose key and value were really stored so.
 *
 * `high`, all of 22,491: a range of free space is just this record with a probability of 99.9 %; or the key's hash is in the
 * bucket's range and leads to the element's place, or the value is whole by its own shape, and a list of free space has exactly
 * its bytes; or no bucket is left that should know better. `medium`, all of 2,370: so with 99 %; or a list has its bytes, but
 * only a superseded bucket knows the record, or the element is left from another bucket, so that it is older, or another old
 * record began at the same place; or the value is whole and in no list. `low`, six in ten: some of it is overwritten, no list
 * has it, where its key ends is a guess, or the key fits the element no better than by chance. `trace`: the key itself is
 * overwritten, so that only its first bytes, the sizes and the place are known.
 */
export type Confidence = (typeof CONFIDENCES)[number];

/** Evidence about an old record. */
export interface Evidence {
  readonly provenance: Exclude<Addition, 'carved'>;
  readonly proof: KeyProof;
  /** −log2 of the probability that another key leads so near to the element's place. */
  readonly homeBits: number;
  readonly overwritten: Overwritten;
  /** True if another old record begins at the same place. */
  readonly shared: boolean;
  /** True if a list of free space has exactly its bytes as one range. */
  readonly freed: boolean;
  /** −log2 of the probability that such a range is another record, or none; 0 where the model says nothing. */
  readonly rangeBits: number;
  /** True if the value is whole by its own shape; undefined if it has no known shape. */
  readonly whole: boolean | undefined;
}

/**
 * Evidence that the bytes at a record's place are its key, weakest first. `none`: they are another key. `start`: they
 * begin as the element says; keys of one program often all do. `hash`: they give the element's own hash. `bucket`:
 * they begin as the element says, and give a hash of its bucket. `range`: no element leads there, but a list of free space has the
 * record as one range.
 */
export const PROOFS = ['none', 'range', 'start', 'hash', 'bucket'] as const;
export type KeyProof = (typeof PROOFS)[number];

export function confidenceOf(evidence: Evidence): Confidence {
  const { provenance, proof, homeBits, overwritten, shared, freed, rangeBits, whole } = evidence;
  if (proof === 'none') return 'trace';
  if (overwritten.key + overwritten.value > 0 || whole === false) return 'low';
  if (rangeBits >= weights.old.rangeHigh) return 'high';
  if (proof === 'range') {
    if (rangeBits < weights.old.rangeMedium) return 'low';
    return whole === true ? 'high' : 'medium';
  }
  if (provenance === 'deleted' && !freed) return whole === true ? 'medium' : 'low';
  if (proof === 'hash') return whole === true || (provenance === 'stale' && !shared) ? 'high' : 'medium';
  if (homeBits < weights.old.tellingHome) return 'low';
  if (whole === true) return 'high';
  if (proof === 'bucket' && homeBits >= weights.old.nearHome) return shared ? 'medium' : 'high';
  return shared || (proof === 'start' && homeBits < weights.old.nearHome) ? 'low' : 'medium';
}
