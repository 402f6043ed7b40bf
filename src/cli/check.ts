import { setTimeout } from 'node:timers/promises';
import type { CheckResult } from '../check/check.js';
import type { WantedProfile } from '../contents.js';
import { checkContents, withProfile } from '../contents.js';
import { findBetterCopy } from '../copies.js';
import { finding } from '../check/finding.js';
import type { Judge } from '../check/libgdbm.js';
import { identifySource } from '../database/identify.js';
import type { ProfileResult } from '../profile/inspect.js';
import { checkReport, reportText, unreadableReport } from '../report/json.js';
import type { Evidence } from '../report/statement.js';
import { statementText } from '../report/statementtext.js';
import { checkText } from '../report/text.js';
import { orSearched } from '../source/readaround.js';
import { SourceError } from '../source/source.js';
import type { ExitCode } from './exit.js';
import { EXIT } from './exit.js';
import { explain } from './explain.js';
import { openRegularFile } from './file.js';
import type { WantedMachine } from './machine.js';
import { judgeFor, machineFor } from './machine.js';
import { progressLine } from './progress.js';
import { statementNow, withEvidence } from './statement.js';
import { printReport, styleFor, tell } from './terminal.js';

export interface CheckArguments {
  readonly files: readonly string[];
  readonly json: boolean;
  readonly all: boolean;
  /** Whether the report has the files' hashes and how it was made. */
  readonly hash: boolean;
  readonly profile: WantedProfile;
  /** The machine that is to use the files. */
  readonly machine?: WantedMachine;
}

/** Checks each file and reports; never writes. */
export async function checkCommand({
  files,
  json,
  all,
  hash,
  profile: wanted,
  machine,
}: CheckArguments): Promise<ExitCode> {
  const reports: object[] = [];
  const hashes: Evidence[] = [];
  let exit: ExitCode = EXIT.ok;
  const worse = (code: ExitCode) => {
    if (code > exit) exit = code;
  };
  for (const path of files) {
    try {
      const {
        result: { result, profile },
        evidence,
      } = await withEvidence(path, hash, () => checkFile(path, wanted, machine));
      hashes.push(...evidence);
      if (result.verdict === 'damaged' || result.verdict === 'foreign') worse(EXIT.damaged);
      if (result.verdict === 'not-gdbm') worse(EXIT.failed);
      const betterCopy = await findBetterCopy(path, result, profile);
      if (json) reports.push(checkReport(path, result, profile, betterCopy));
      else {
        const options = {
          style: styleFor(process.stdout),
          all,
          profile,
          betterCopy,
          machine: machineFor(machine),
        };
        await printReport(checkText(path, result, options));
      }
    } catch (error) {
      const { code, message } = explain(error, path, 'read it');
      worse(EXIT.failed);
      if (json) reports.push(unreadableReport(path, code, message));
      tell(message);
    }
  }
  const statement = await statementNow(hashes);
  if (json) await printReport(`${reportText(reports, statement)}\n`);
  else if (hash) await printReport(statementText(statement));
  return exit;
}

/** Times that a file is checked which a program writes to, and looks damaged; in milliseconds how long, and the pause. */
const TRIES = 5;
const PATIENCE = 5000;
const PAUSE = 100;

/** A check of a file, with what is inside for its program. */
export interface CheckedFile {
  readonly result: CheckResult;
  readonly profile: ProfileResult | undefined;
}

/**
 * Checks a file; one that is written to again and again, for what was read at different moments does not fit together.
 *
 * @throws RefusedError, SourceError or NodeJS.ErrnoException where it cannot be read
 */
export async function checkFile(
  path: string,
  wanted: WantedProfile,
  machine?: WantedMachine,
): Promise<CheckedFile> {
  const started = Date.now();
  for (let again = TRIES - 1; ; again--) {
    const isLast = again === 0 || Date.now() - started > PATIENCE;
    try {
      const one = await orSearched((isSearched) => checkOnce(path, wanted, judgeFor(machine), isSearched));
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
  judge: Judge | undefined,
  isSearched: boolean,
): Promise<CheckedFile & { changed: boolean }> {
  const source = await openRegularFile(path, isSearched);
  try {
    const progress = progressLine();
    const contents = await checkContents(source, wanted, progress.report, judge).finally(progress.end);
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
    await source.close();
  }
}
