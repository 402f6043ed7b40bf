import type { Finding, FindingList } from './finding.js';
import { finding } from './finding.js';
import type { Extent, Overlap, SpaceAccount } from './space.js';

/** What is wrong with a list of free space, so that libgdbm does not know all that it lists. */
const UNREAD_FREE = ['avail-count', 'avail-chain', 'avail-loop', 'avail-entry', 'bucket-avail'] as const;

/**
 * Findings from the account of a file's bytes: what is claimed twice, and what nothing claims.
 *
 * @param earlier what was found in the structures
 */
export function* judgeSpace(account: SpaceAccount, earlier: FindingList): Generator<Finding> {
  for (const overlap of account.overlaps) yield judgeOverlap(overlap);
  if (account.bytes.unaccounted > 0) {
    const largest = account.gaps.reduce((a, b) => (b.length > a.length ? b : a));
    yield finding(
      'space-unaccounted',
      largest.offset,
      `${account.bytes.unaccounted} bytes, the largest range ${largest.length} at ${largest.offset}`,
      'each byte in use or listed as free',
      UNREAD_FREE.find((code) => earlier.standsByItself(code)),
    );
  }
}

function judgeOverlap({ offset, length, claims, kinds }: Overlap): Finding {
  const free = kinds.has('free');
  const code = !free ? 'space-overlap' : kinds.size === 1 ? 'avail-overlap' : 'avail-live';
  const found = `${length} bytes claimed by ${claims.map(describe).join(' and ')}`;
  return finding(code, offset, found, 'one claim');
}

function describe({ kind, offset, length }: Extent): string {
  return `${kind === 'free' ? 'free space' : kind} ${offset}-${offset + length}`;
}
