import { HASH_DIGITS } from './name.js';
import type { SnapshotName } from './name.js';

/** A snapshot that is in a folder. */
export interface Snapshot extends SnapshotName {
  /** Time and hash, such as `20261124T050312Z-3f2a9c01d2e4`. */
  readonly id: string;
  /** Its size. */
  readonly bytes: number;
  readonly path: string;
}

/** The newest first; of the same second, in an order that is always the same. */
export function byAge(a: SnapshotName, b: SnapshotName): number {
  return b.time.getTime() - a.time.getTime() || (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : 0);
}

/** The part of a whole hash that names carry. */
export function shortHash(sha256: string): string {
  return sha256.slice(0, HASH_DIGITS);
}
