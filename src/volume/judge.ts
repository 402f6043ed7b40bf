import type { ProblemSeverity, VolumeProblem } from './problem.js';
import { judgeAccess } from './rules/access.js';
import { judgeContents } from './rules/contents.js';
import { judgeHolders } from './rules/holders.js';
import { judgeLockProgram } from './rules/lockprogram.js';
import { judgeMachine } from './rules/machine.js';
import { judgeMount } from './rules/mount.js';
import { judgePath } from './rules/path.js';
import { judgeSpace } from './rules/space.js';
import type { VolumeFacts } from './volumefacts.js';

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
