import type { VolumeProblem } from '../problem.js';
import { problem } from '../problem.js';
import type { VolumeFacts } from '../volumefacts.js';

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
