import type { VolumeProblem } from '../problem.js';
import { problem } from '../problem.js';
import { shellPath } from '../shellword.js';
import type { Holder, VolumeFacts } from '../volumefacts.js';

/** Named in a sentence before the rest is only counted. */
const NAMED = 3;

/** Who else has the file. */
export function judgeHolders({ holders = [], realPath }: VolumeFacts): VolumeProblem[] {
  const locking = holders.filter(({ lock }) => lock !== 'none');
  const open = holders.filter(({ lock }) => lock === 'none');
  const found: VolumeProblem[] = [];
  if (locking.length > 0) {
    const how = locking.some(({ lock }) => lock === 'exclusive') ? 'to write' : 'to read';
    found.push(
      problem(
        'locked-by-process',
        `Expected ${realPath} at rest, found it locked ${how} by ${names(locking)}.`,
        `Stop it before a repair: ${kill(locking)}; or let the repair wait: gdbm-doctor repair --wait 30 ${shellPath(realPath)}`,
      ),
    );
  }
  if (open.length > 0) {
    found.push(
      problem(
        'open-in-process',
        `Expected nobody to have ${realPath} open, found it open without a lock in ${names(open)}.`,
        `If that writes to it, stop it before a repair: ${kill(open)}`,
      ),
    );
  }
  return found;
}

function names(holders: readonly Holder[]): string {
  const named = holders
    .slice(0, NAMED)
    .map(({ pid, command }) => `process ${pid}${command === undefined ? '' : ` (${command})`}`);
  const more = holders.length - named.length;
  return named.join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** The first process of a container takes a signal only from outside. */
function kill(holders: readonly Holder[]): string {
  return holders.some(({ pid }) => pid === 1)
    ? 'docker stop CONTAINER'
    : `kill ${holders.map(({ pid }) => pid).join(' ')}`;
}
