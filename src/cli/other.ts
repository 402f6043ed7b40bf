import { checkDbm } from '../dbm/check.js';
import type { DbmCheck, DbmKind } from '../dbm/kind.js';
import { whichDbm } from '../dbm/which.js';
import type { OtherDatabase } from '../report/dbm.js';
import { otherLines, otherReport, otherVerdict } from '../report/dbm.js';
import { escapeText } from '../report/escape.js';
import { wrappedText } from '../report/wrap.js';
import type { ExitCode } from './terminal.js';
import { EXIT, printReport, styleFor } from './terminal.js';

/** Kinds that are told of as a whole database; a file of another kind is described by its bytes. */
const KINDS: readonly DbmKind[] = ['dbm.sqlite3', 'dbm.dumb', 'ndbm', 'berkeley-db'];

/**
 * Checks the database that a program opens by the name of what is no GDBM file; undefined if there is none.
 *
 * @param isNone whether the name leads to no GDBM file
 */
export async function otherDatabase(path: string, isNone: boolean): Promise<OtherDatabase | undefined> {
  if (!isNone) return undefined;
  const found = await whichDbm(path).catch(() => undefined);
  if (found === undefined || !KINDS.includes(found.kind)) return undefined;
  return { found, checked: await checkDbm(found) };
}

/** The exit code of a check of such a database. */
export const OTHER_EXITS: Record<DbmCheck['verdict'], ExitCode> = {
  sound: EXIT.ok,
  damaged: EXIT.damaged,
  unknown: EXIT.failed,
};

/** The outcome in a summary of several files. */
export const OTHER_OUTCOMES: Record<DbmCheck['verdict'], string> = {
  sound: 'healthy',
  damaged: 'damaged',
  unknown: 'not GDBM',
};

/** Prints what such a database is. */
export async function printOther(path: string, other: OtherDatabase): Promise<void> {
  const style = styleFor(process.stdout);
  const colour = { sound: style.green, damaged: style.red, unknown: style.yellow }[other.checked.verdict];
  const head = `${escapeText(path)}: ${colour(otherVerdict(other))}`;
  await printReport(wrappedText([head, ...otherLines(other)], process.stdout.columns));
}

/** Adds the database to the report of its file. */
export function withOther(report: object, other: OtherDatabase | undefined): object {
  return other === undefined ? report : { ...report, otherDatabase: otherReport(other) };
}
