import type { VolumeProblem } from '../service/facts.js';
import { databaseFacts, diagnoseVolume } from '../service/diagnose.js';
import { GdbmError, translated } from './error.js';
import { checkFile } from './checkedfile.js';
import { translateAt } from './files.js';
import type { Report } from './report.js';
import { reportOf } from './report.js';

/** The problems of a database and of its place. */
export interface Diagnosis {
  /** The path as given. */
  readonly path: string;
  /** Problems of the place, the worst first, each with one line on what to do. */
  readonly problems: readonly VolumeProblem[];
  /** The check of the database; undefined if it could not be read, which is one of the problems. */
  readonly report: Report | undefined;
}

/**
 * Diagnoses a database together with its place: the path, the mount, permissions, space, processes that hold it, and the
 * machine that made it. Writes nothing, takes no lock, and does not throw where it cannot see something.
 *
 * @example
 * ```ts
 * import { diagnose } from 'gdbm-doctor';
 *
 * const { problems } = await diagnose('missing.db');
 * console.log(problems[0].severity, problems[0].code); // error file-missing
 * ```
 */
export async function diagnose(path: string): Promise<Diagnosis> {
  const checked = await translated(
    () => checkFile(path, { profile: 'none' }),
    translateAt(path, 'read it'),
  ).catch((error: unknown) => {
    if (error instanceof GdbmError) return undefined;
    throw error;
  });
  const { problems } = await diagnoseVolume(path, { database: checked && databaseFacts(checked) });
  return { path, problems, report: checked && reportOf(checked) };
}
