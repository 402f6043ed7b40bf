/** The facts about one of the two snapshots that a crash-tolerant program keeps. */
export interface SnapshotFacts {
  /** Permission bits. */
  readonly mode: number;
  /** Nanoseconds since 1970. */
  readonly mtime: bigint;
  /**
   * Syncs counted, unsigned 32 bits; undefined where it is no database of the numsync variant, or is not readable.
   */
  readonly numsync: number | undefined;
}

/**
 * The names that libgdbm gives its answers. `ok`: one is the latest. `bad`: neither was completed. `err`: they are
 * not what snapshots are. `same`: nothing tells them apart. `suspicious`: they are further apart than two that took
 * turns.
 */
type LatestVerdict = 'ok' | 'bad' | 'err' | 'same' | 'suspicious';

interface Latest {
  readonly verdict: LatestVerdict;
  readonly latest: 'even' | 'odd' | undefined;
  /** Reason, in a sentence. */
  readonly reason: string;
}

const READABLE = 0o400;
const WRITABLE = 0o200;
const OWNER = 0o700;

/**
 * Chooses the one of two snapshots to recover from, as libgdbm's `gdbm_latest_snapshot` does. A snapshot has the mode
 * 0200 while it is written, and 0400 when it is complete and synced; only the owner's bits count. A missing file is
 * no snapshot.
 */
export function latestSnapshot(even: SnapshotFacts | undefined, odd: SnapshotFacts | undefined): Latest {
  const states = { even: stateOf(even), odd: stateOf(odd) };
  for (const name of ['even', 'odd'] as const) {
    const state = states[name];
    if (state === 'missing' || state === 'other') {
      const what = state === 'missing' ? 'is not there' : 'has another mode than 0400 or 0200';
      return {
        verdict: 'err',
        latest: undefined,
        reason: `The ${name} snapshot ${what}, so these are no pair of snapshots.`,
      };
    }
  }
  if (states.even === 'written' && states.odd === 'written') {
    return {
      verdict: 'bad',
      latest: undefined,
      reason: 'Both were still being written when the program died: neither is complete.',
    };
  }
  if (states.even !== states.odd) {
    const latest = states.even === 'complete' ? 'even' : 'odd';
    return {
      verdict: 'ok',
      latest,
      reason: `Only the ${latest} snapshot is complete; the other was still being written.`,
    };
  }
  return byCounters(even!, odd!);
}

function stateOf(facts: SnapshotFacts | undefined): 'missing' | 'complete' | 'written' | 'other' {
  if (facts === undefined) return 'missing';
  const bits = facts.mode & OWNER;
  return bits === READABLE ? 'complete' : bits === WRITABLE ? 'written' : 'other';
}

/** Both are complete: the one that was synced later counts one more, around the end of 32 bits. */
function byCounters(even: SnapshotFacts, odd: SnapshotFacts): Latest {
  if (even.numsync === undefined || odd.numsync === undefined) {
    return byTimes(even, odd, 'One has no counter of syncs.');
  }
  const ahead = (even.numsync - odd.numsync) >>> 0;
  if (ahead === 0) return byTimes(even, odd, 'Their counters of syncs are the same.');
  if (ahead === 1 || ahead === 0xffffffff) {
    const latest = ahead === 1 ? 'even' : 'odd';
    return {
      verdict: 'ok',
      latest,
      reason: `Both are complete, and the ${latest} one counts one sync more.`,
    };
  }
  const reason = `Both are complete, but their counters, ${even.numsync} and ${odd.numsync}, are more than 1 apart: they did not take turns.`;
  return { verdict: 'suspicious', latest: undefined, reason };
}

function byTimes(even: SnapshotFacts, odd: SnapshotFacts, why: string): Latest {
  if (even.mtime === odd.mtime) {
    return { verdict: 'same', latest: undefined, reason: `${why} Their times are the same, too.` };
  }
  const latest = even.mtime > odd.mtime ? 'even' : 'odd';
  return { verdict: 'ok', latest, reason: `${why} The ${latest} one was changed later.` };
}
