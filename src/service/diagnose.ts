import type { CheckedContents } from '../contents.js';
import { needsRepair } from '../profile/leaveout.js';
import { shellPath } from '../report/escape.js';
import { judgeContents, judgeMachine } from './contentrules.js';
import type { DatabaseFacts, Holder, ProblemSeverity, VolumeFacts, VolumeProblem } from './facts.js';
import { problem } from './facts.js';
import { gatherFacts } from './gather.js';
import { judgeMount, judgeSpace } from './mountrules.js';
import { judgeAccess, judgePath } from './pathrules.js';
import { asRoot, remarked, stopCommand } from './remedy.js';

/** Processes that a sentence names before it only counts the rest. */
const NAMED = 3;

/** Judges the other processes that have the file. */
function judgeHolders(facts: VolumeFacts): VolumeProblem[] {
  const { holders = [], realPath } = facts;
  const locking = holders.filter(({ lock }) => lock !== 'none');
  const writing = holders.filter(({ lock, writes }) => lock === 'none' && writes);
  const open = holders.filter(({ lock, writes }) => lock === 'none' && !writes);
  const kill = (some: readonly Holder[]) => killCommand(facts, some);
  const found: VolumeProblem[] = [];
  if (locking.length > 0) {
    const how = locking.some(({ lock }) => lock === 'exclusive') ? 'to write' : 'to read';
    found.push(
      problem(
        'locked-by-process',
        `Expected ${realPath} at rest, found it locked ${how} by ${names(locking)}.`,
        remarked(
          `gdbm-doctor repair --wait 30 ${shellPath(realPath)}`,
          `waits for it, and leaves a healthy file as it is; to end it first: ${kill(locking)}`,
        ),
      ),
    );
  }
  if (writing.length > 0) {
    found.push(
      problem(
        'writer-without-lock',
        `Expected every program that writes to ${realPath} to hold libgdbm's lock, found it open for writing without one in ` +
          `${names(writing)}: what two of them write destroys what the other has written.`,
        remarked(
          `${kill(writing)} && gdbm-doctor check ${shellPath(realPath)}`,
          "then open it without the flag 'u' (GDBM_NOLOCK), from one program at a time",
        ),
      ),
    );
  }
  if (open.length > 0) {
    found.push(
      problem(
        'open-in-process',
        `Expected nobody to have ${realPath} open, found it open without a lock in ${names(open)}.`,
        remarked(kill(open), 'if that writes to it, before a repair'),
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
function killCommand(facts: VolumeFacts, holders: readonly Holder[]): string {
  return holders.some(({ pid }) => pid === 1)
    ? stopCommand(facts)
    : `kill ${holders.map(({ pid }) => pid).join(' ')}`;
}

/** Judges whether a repair can lock the database as libgdbm does. */
function judgeLockProgram(facts: VolumeFacts): VolumeProblem[] {
  if (facts.hasLockProgram) return [];
  return [
    problem(
      'lock-program-missing',
      'Expected the program flock on the PATH, found none: a repair and a guard cannot lock the database against other programs.',
      remarked(
        asRoot(facts, 'apt-get install util-linux || apk add util-linux'),
        'or stop every program that uses the file and add --no-lock',
      ),
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
  /** The shell command that brings back a copy that has more than is left of the database. */
  readonly betterCopy?: string | undefined;
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
export async function diagnoseVolume(
  path: string,
  { database, betterCopy }: DiagnoseOptions = {},
): Promise<VolumeDiagnosis> {
  const facts = await gatherFacts(path, { database, betterCopy });
  return { path, problems: judge(facts), facts };
}
