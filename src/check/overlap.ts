import type { Finding } from './finding.js';
import { finding } from './finding.js';
import type { Extent, Overlap, SpaceAccount } from './space.js';

/** Findings from the account of a file's bytes: who claims what somebody else has. */
export function* judgeSpace(account: SpaceAccount): Generator<Finding> {
  for (const overlap of account.overlaps) yield judgeOverlap(overlap);
  if (account.bytes.unaccounted > 0) {
    const largest = account.gaps.reduce((a, b) => (b.length > a.length ? b : a));
    yield finding(
      'space-unaccounted',
      largest.offset,
      `${account.bytes.unaccounted} bytes, the largest range ${largest.length} at ${largest.offset}`,
      'each byte in use or listed as free',
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
