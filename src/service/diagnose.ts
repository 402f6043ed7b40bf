import { shellPath } from '../report/escape.js';
import { judgeContents, judgeMachine } from './contentrules.js';
import type { DatabaseFacts, Holder, ProblemSeverity, VolumeFacts, VolumeProblem } from './facts.js';
import { problem } from './facts.js';
import { gatherFacts } from './gather.js';
import { judgeMount, judgeSpace } from './mountrules.js';
import { judgeAccess, judgePath } from './pathrules.js';

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

/** Judges whether a repair can lock the database as libgdbm does. */
export function judgeLockProgram({ hasLockProgram }: VolumeFacts): VolumeProblem[] {
  if (hasLockProgram) return [];
  return [
    problem(
      'lock-program-missing',
      'Expected the program flock on the PATH, found none: a repair and a guard cannot lock the database against other programs.',
      'Install it: apt-get install util-linux, or apk add util-linux; or stop every program that uses the file and add --no-lock',
    ),
  ];
}

/** In the order in which they are to be mended: there is no writing to a file that is not there. */
const RULES = [
  judgePath,
  judgeMount,
  judgeAccess,
  judgeSpace,
  judgeContents,
  judgeMachine,
  judgeHolders,
  judgeLockProgram,
] as const;

const ORDER: readonly ProblemSeverity[] = ['error', 'warning', 'notice'];

/** What the facts say is wrong, the worst first. A fact that is undefined is no problem. */
export function judge(facts: VolumeFacts): VolumeProblem[] {
  return RULES.flatMap((rule) => rule(facts)).sort(
    (a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity),
  );
}

export interface DiagnoseOptions {
  /** What a check found out about the database, to be held against this machine. */
  readonly database?: DatabaseFacts | undefined;
}

/** What is wrong with the place of a database. */
export interface VolumeDiagnosis {
  /** As it was given. */
  readonly path: string;
  /** The worst first; empty where nothing is wrong. */
  readonly problems: readonly VolumeProblem[];
  readonly facts: VolumeFacts;
}

/**
 * Says what is wrong with the place of a database: the path, the mount, permissions, room, who holds it, and whether
 * it came from another machine. Writes nothing, takes no lock, and does not throw for what it cannot see.
 */
export async function diagnoseVolume(path: string, options: DiagnoseOptions = {}): Promise<VolumeDiagnosis> {
  const facts = await gatherFacts(path, options.database);
  return { path, problems: judge(facts), facts };
}
