import type { CheckedContents } from '../contents.js';
import { needsRepair } from '../profile/leaveout.js';
import { shellPath } from '../report/escape.js';
import { judgeContents, judgeMachine } from './contentrules.js';
import type { DatabaseFacts, Holder, ProblemSeverity, VolumeFacts, VolumeProblem } from './facts.js';
import { problem } from './facts.js';
import { gatherFacts } from './gather.js';
import { judgeMount, judgeSpace } from './mountrules.js';
import { judgeAccess, judgePath } from './pathrules.js';

/** Processes that a sentence names before it only counts the rest. */
const NAMED = 3;

/** Judges the other processes that have the file. */
function judgeHolders({ holders = [], realPath }: VolumeFacts): VolumeProblem[] {
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

/** A command that ends the processes. Process 1 of a container takes signals only from outside. */
function kill(holders: readonly Holder[]): string {
  return holders.some(({ pid }) => pid === 1)
    ? 'docker stop CONTAINER'
    : `kill ${holders.map(({ pid }) => pid).join(' ')}`;
}

/** Judges whether a repair can lock the database as libgdbm does. */
function judgeLockProgram({ hasLockProgram }: VolumeFacts): VolumeProblem[] {
  if (hasLockProgram) return [];
  return [
    problem(
      'lock-program-missing',
      'Expected the program flock on the PATH, found none: a repair and a guard cannot lock the database against other programs.',
      'Install it: apt-get install util-linux, or apk add util-linux; or stop every program that uses the file and add --no-lock',
    ),
  ];
}

/** The order in which problems must be solved: nobody can write a file that does not exist. */
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

/** The problems that follow from the facts, the worst first. An undefined fact is no problem. */
export function judge(facts: VolumeFacts): VolumeProblem[] {
  return RULES.flatMap((rule) => rule(facts)).sort(
    (a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity),
  );
}

/** The results of a check that are compared with the machine and the place; undefined if it found no database. */
export function databaseFacts({ checked, profile }: CheckedContents): DatabaseFacts | undefined {
  const { format, size, verdict } = checked;
  if (format === undefined) return undefined;
  // Only the structure tells whether the file is whole; values may be damaged as their program stored them.
  const isSound = verdict === 'healthy' || verdict === 'foreign' || !needsRepair(checked, profile);
  const { byteOrder, layout, hashChar, header, geometry } = format;
  return {
    byteOrder,
    offsetBits: layout.offsetBits,
    alignment: layout.alignment,
    hashChar,
    nextBlock: header.next_block,
    blockSize: geometry.blockSize,
    size,
    healthy: isSound,
  };
}

interface DiagnoseOptions {
  /** Results of a check of the database, to be compared with this machine. */
  readonly database?: DatabaseFacts | undefined;
}

/** The problems of the place of a database. */
export interface VolumeDiagnosis {
  /** The path as given. */
  readonly path: string;
  /** The worst first. */
  readonly problems: readonly VolumeProblem[];
  readonly facts: VolumeFacts;
}

/**
 * Diagnoses the place of a database: the path, the mount, permissions, space, processes that hold it, and the machine that
 * made it. Writes nothing, takes no lock, and does not throw if it cannot see something.
 */
export async function diagnoseVolume(path: string, options: DiagnoseOptions = {}): Promise<VolumeDiagnosis> {
  const facts = await gatherFacts(path, options.database);
  return { path, problems: judge(facts), facts };
}
