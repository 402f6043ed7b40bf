import { setTimeout } from 'node:timers/promises';
import type { CheckResult } from '../check/check.js';
import { finding } from '../check/finding.js';
import type { WantedProfile } from '../contents.js';
import { checkContents, withProfile } from '../contents.js';
import { findBetterCopy } from '../copies.js';
import { identifySource } from '../database/identify.js';
import type { ProfileResult } from '../profile/inspect.js';
import { checkReport, reportText, unreadableReport } from '../report/json.js';
import type { Evidence } from '../report/json.js';
import { checkText, statementText } from '../report/text.js';
import { orSearched } from '../source/readaround.js';
import { SourceError } from '../source/source.js';
import { openRegularFile } from './file.js';
import type { WantedMachine } from './options.js';
import {
  all,
  defineCommand,
  file,
  forMachine,
  hash,
  json,
  judgeFor,
  machineFor,
  profile,
} from './options.js';
import { EXIT, printReport, progressLine, styleFor, tell } from './terminal.js';
import { statementNow, withEvidence } from './statement.js';
import type { ExitCode } from './terminal.js';
import { explain } from './work.js';

/** Checks each file and reports; never writes. */
export const command = defineCommand(
  (parser) =>
    parser
      .positional('files', { ...file, array: true })
      .options({ json, all, profile, hash, for: forMachine })
      .example('$0 check flower.db', 'Is it healthy, and what would libgdbm say?')
      .example('$0 check --json *.db | jq .files[].verdict', 'For programs'),
  async (args) => {
    const reports: object[] = [];
    const hashes: Evidence[] = [];
    let exit: ExitCode = EXIT.ok;
    for (const path of args.files) {
      try {
        const { result: checked, evidence } = await withEvidence(path, args.hash, () =>
          checkFile(path, args.profile, args.for),
        );
        hashes.push(...evidence);
        const { result, profile } = checked;
        exit = worse(exit, EXITS[result.verdict]);
        const betterCopy = await findBetterCopy(path, result, profile);
        if (args.json) reports.push(checkReport(path, result, profile, betterCopy));
        else {
          const style = styleFor(process.stdout);
          const machine = machineFor(args.for);
          await printReport(checkText(path, result, { style, all: args.all, profile, betterCopy, machine }));
        }
      } catch (error) {
        const { code, message } = explain(error, path, 'read it');
        exit = EXIT.failed;
        if (args.json) reports.push(unreadableReport(path, code, message));
        tell(message);
      }
    }
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

function worse(a: ExitCode, b: ExitCode): ExitCode {
  return a > b ? a : b;
}

/**
 * Limits of the repeated checks of a file that a program writes to and that looks damaged: how many, and milliseconds in
 * all and between two. Such a program saves within seconds.
 */
const TRIES = 5;
const PATIENCE = 5000;
const PAUSE = 100;

/** A check of a file, with what is inside for its program. */
export interface CheckedFile {
  readonly result: CheckResult;
  readonly profile: ProfileResult | undefined;
}

/**
 * Checks a file; again if a program wrote to it meanwhile, because bytes that were read at different moments do not fit
 * together.
 *
 * @throws RefusedError, SourceError or NodeJS.ErrnoException if it cannot be read
 */
export async function checkFile(
  path: string,
  wanted: WantedProfile,
  machine: WantedMachine,
): Promise<CheckedFile> {
  const started = Date.now();
  for (let again = TRIES - 1; ; again--) {
    const isLast = again === 0 || Date.now() - started > PATIENCE;
    try {
      const one = await orSearched((isSearched) => checkOnce(path, wanted, machine, isSearched));
      if (isLast || !one.changed || one.result.verdict !== 'damaged') return one;
    } catch (error) {
      if (isLast || !(error instanceof SourceError)) throw error;
    }
    await setTimeout(PAUSE);
  }
}

async function checkOnce(
  path: string,
  wanted: WantedProfile,
  machine: WantedMachine,
  isSearched: boolean,
): Promise<CheckedFile & { changed: boolean }> {
  const source = await openRegularFile(path, isSearched);
  const progress = progressLine();
  try {
    const contents = await checkContents(source, wanted, progress.report, judgeFor(machine));
    const { profile } = contents;
    const result = withProfile(contents);
    const changed = await source.changed();
    if (result.other !== undefined) {
      const other = await identifySource(source, path);
      return { result: { ...result, other }, profile, changed };
    }
    if (!changed) return { result, profile, changed };
    const written = finding('changed-while-read', null, 'a write during the check', 'a file at rest');
    const findings = [...result.findings, written];
    const findingCounts = { ...result.findingCounts, [written.code]: 1 };
    return { result: { ...result, findings, findingCounts }, profile, changed };
  } finally {
    progress.end();
    await source.close();
  }
}
