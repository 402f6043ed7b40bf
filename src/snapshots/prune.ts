import type { SnapshotName } from './name.js';
import { byAge } from './snapshot.js';

/** Snapshots of each kind that are kept where nobody says how many. */
export const KEEP = 5;

/**
 * Which snapshots are too many: all but the newest `keep` good ones and the newest `keep` poor ones. Each kind is
 * counted for itself, so that no poor one pushes a good one out, and the newest good one always stays.
 */
export function tooMany<T extends SnapshotName>(snapshots: readonly T[], keep: number): T[] {
  const kept = Math.max(1, keep);
  return [false, true].flatMap((poor) =>
    snapshots
      .filter((one) => one.poor === poor)
      .sort(byAge)
      .slice(kept),
  );
}
