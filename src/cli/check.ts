import { checkFile as checkedFile } from '../api/checkedfile.js';
import type { CheckResult } from '../check/check.js';
import type { WantedProfile } from '../contents.js';
import { withProfile } from '../contents.js';
import { findBetterCopy } from '../copies.js';
import type { ProfileResult } from '../profile/inspect.js';
import { checkReport, reportText, unreadableReport } from '../report/json.js';
import type { Evidence } from '../report/json.js';
import { checkText, statementText } from '../report/text.js';
import { tellShadowed } from './file.js';
import type { WantedMachine } from './options.js';
import {
  defineCommand,
  detail,
  file,
  forMachine,
  hash,
  json,
  judgeFor,
  machineFor,
  profile,
} from './options.js';
import { OTHER_EXITS, OTHER_OUTCOMES, otherDatabase, printOther, withOther } from './other.js';
import { detailOf, EXIT, printReport, printSummary, tell } from './terminal.js';
import { progressLine } from './progress.js';
import { statementNow, withEvidence } from './statement.js';
import type { ExitCode } from './terminal.js';
import { explain } from './work.js';

/** Checks each file and reports; never writes. */
export const command = defineCommand(
  (parser) =>
    parser
      .positional('files', { ...file, array: true })
      .options({ json, ...detail, profile, hash, for: forMachine })
      .example('$0 check flower.db', 'Is it healthy, and what would libgdbm say?')
      .example('$0 check --findings flower.db', 'What exactly is wrong, and where')
      .example('$0 check --json *.db | jq .files[].verdict', 'For programs'),
  async (args) => {
    const reports: object[] = [];
    const hashes: Evidence[] = [];
    const outcomes: string[] = [];
    let exit: ExitCode = EXIT.ok;
    for (const path of args.files) {
      try {
        const { result: checked, evidence } = await withEvidence(path, args.hash, () =>
          checkFile(path, args.profile, args.for),
        );
        hashes.push(...evidence);
        const { result, profile } = checked;
        await tellShadowed(path);
        const other = await otherDatabase(path, result.verdict === 'not-gdbm');
        const outcome = other && OTHER_OUTCOMES[other.checked.verdict];
        exit = worse(exit, other === undefined ? EXITS[result.verdict] : OTHER_EXITS[other.checked.verdict]);
        outcomes.push(outcome ?? VERDICTS[result.verdict]);
        const betterCopy = await findBetterCopy(path, result, profile);
        const isShown = !args.quiet || (outcome ?? result.verdict) !== 'healthy';
        if (args.json) reports.push(withOther(checkReport(path, result, profile, betterCopy), other));
        else if (other !== undefined) {
          if (isShown) await printOther(path, other);
        } else {
          const options = { ...detailOf(args), profile, betterCopy, machine: machineFor(args.for) };
          if (isShown) await printReport(checkText(path, result, options));
        }
      } catch (error) {
        const { code, message } = explain(error, path, 'read it');
        const other = await otherDatabase(path, code === 'no-such-file');
        exit = worse(exit, other === undefined ? EXIT.failed : OTHER_EXITS[other.checked.verdict]);
        outcomes.push(other === undefined ? 'could not be read' : OTHER_OUTCOMES[other.checked.verdict]);
        if (args.json) reports.push(withOther(unreadableReport(path, code, message), other));
        if (other === undefined) tell(message);
        else if (!args.json && !(args.quiet && other.checked.verdict === 'sound'))
          await printOther(path, other);
      }
    }
    if (!args.json && !args.quiet) await printSummary(outcomes);
    const statement = await statementNow(hashes);
    if (args.json) await printReport(reportText(reports, statement));
    else if (args.hash) await printReport(statementText(statement));
    return exit;
  },
);

const EXITS: Record<CheckResult['verdict'], ExitCode> = {
  healthy: EXIT.ok,
  damaged: EXIT.damaged,
  foreign: EXIT.damaged,
  'not-gdbm': EXIT.failed,
};

const VERDICTS: Record<CheckResult['verdict'], string> = {
  healthy: 'healthy',
  damaged: 'damaged',
  foreign: 'for another machine',
  'not-gdbm': 'not GDBM',
};

function worse(a: ExitCode, b: ExitCode): ExitCode {
  return a > b ? a : b;
}

/** A check of a file, with what is inside for its program. */
export interface CheckedFile {
  readonly result: CheckResult;
  readonly profile: ProfileResult | undefined;
}

/**
 * Checks a file, and shows how far that is.
 *
 * @throws RefusedError, SourceError or NodeJS.ErrnoException if it cannot be read
 */
export async function checkFile(
  path: string,
  profile: WantedProfile,
  machine: WantedMachine,
): Promise<CheckedFile> {
  const progress = progressLine();
  try {
    const contents = await checkedFile(path, { profile, judge: judgeFor(machine), report: progress.report });
    return { result: withProfile(contents), profile: contents.profile };
  } finally {
    progress.end();
  }
}
