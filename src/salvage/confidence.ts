import type { Overwritten } from './overwritten.js';

/**
 * How far an old record is to be believed. `high`: its key is proved, and nothing is known to have been written over it
 * since. `medium`: as far, but only the key's first bytes speak for the key, or another old record began at the same
 * place, and which came last is not known. `low`: some of it is overwritten. `trace`: the key itself is, so that only its
 * first bytes, the sizes and the place are known.
 */
export const CONFIDENCES = ['high', 'medium', 'low', 'trace'] as const;
export type Confidence = (typeof CONFIDENCES)[number];

/** What is known of an old record. */
export interface Evidence {
  /** Whether the element has the hash, or key_start, that the key at its place gives. */
  readonly keyProved: boolean;
  /** log2 of how unlikely it is that another key is there. */
  readonly keyBits: number;
  readonly overwritten: Overwritten;
  /** Whether another old record begins at the same place. */
  readonly shared: boolean;
  /** Whether the value is whole by its own shape; undefined where it has none that is known. */
  readonly whole: boolean | undefined;
}

/** A key that fits with less may be another one that begins alike: keys of one program often do. */
const SURE_BITS = 4;

export function confidenceOf({ keyProved, keyBits, overwritten, shared, whole }: Evidence): Confidence {
  if (!keyProved) return 'trace';
  if (overwritten.key + overwritten.value > 0 || whole === false) return 'low';
  if (whole === true) return keyBits >= SURE_BITS ? 'high' : 'medium';
  return keyBits >= SURE_BITS && !shared ? 'high' : 'medium';
}
