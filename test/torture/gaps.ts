import type { Score } from './score.js';
import { isExcused } from './score.js';

/** Least result of a model whose damage is not fully repaired yet. */
export interface Floor {
  /** Share of the survivors that come back, 0 to 1. */
  readonly recall: number;
  /** Keys that may come back although they were deleted. */
  readonly resurrected: number;
  /** Survivors that may come back with an older value. */
  readonly wrong?: number;
}

/**
 * The models in which something that is still there does not come back yet, or something deleted does; docs/torture.md
 * tells how much. One that is mended goes from here.
 */
const GAPS: Readonly<Record<string, Floor>> = {
  // Elements of a bucket that was split before, in which more was stored than the cut has left of the buckets in force.
  // Of 620 trials two had some, 6 at most.
  'truncated anywhere': { recall: 1, resurrected: 6 },
  // A block with a single key, of which nothing else says that it moved, could hold an old copy.
  'blocks swapped': { recall: 0.995, resurrected: 0 },
  // Elements of the other file in blocks of which nothing is known; and without one entry of this file's directory that
  // leads home nothing says which of the two files is meant. Of 520 trials four lost any record, two of them most, as the
  // other file's directory was taken for this one's; 0.11 % of all, and none came back wrong.
  "two files' blocks mixed": { recall: 0.95, resurrected: 12 },
};

/** Tells whether the faults of a trial are a known gap, and no more than that. */
export function isKnownGap(models: readonly string[], score: Score): boolean {
  const floors = models.map((name) => GAPS[name]).filter((floor) => floor !== undefined);
  if (floors.length === 0) return false;
  const invented = score.invented.filter((one) => !isExcused(one));
  return (
    score.wrong.length <= Math.max(...floors.map(({ wrong = 0 }) => wrong)) &&
    invented.every(({ from }) => from === 'resurrected' || from === 'foreign') &&
    invented.length <= Math.max(...floors.map(({ resurrected }) => resurrected)) &&
    score.recalled >= Math.min(...floors.map(({ recall }) => recall)) * score.survivors
  );
}
