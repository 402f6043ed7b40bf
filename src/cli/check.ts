import { stat } from 'node:fs/promises';
import type { CheckResult } from '../check/check.js';
import type { WantedProfile } from '../contents.js';
import { checkContents, withProfile } from '../contents.js';
import { finding } from '../check/finding.js';
import { identifyOther } from '../database/identify.js';
import type { ProfileResult } from '../profile/inspect.js';
import { checkReport, reportDocument, unreadableReport } from '../report/json.js';
import type { Evidence } from '../report/statement.js';
import { statementText } from '../report/statementtext.js';
import { checkText } from '../report/text.js';
import { readUpTo } from '../source/source.js';
import type { ExitCode } from './exit.js';
import { EXIT } from './exit.js';
import { explain } from './explain.js';
import { openRegularFile } from './file.js';
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
}

/** Checks each file and reports; never writes. */
export async function checkCommand({
  files,
  json,
  all,
  hash,
  profile: wanted,
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
      } = await withEvidence(path, hash, () => checkFile(path, wanted));
      hashes.push(...evidence);
      if (result.verdict === 'damaged') worse(EXIT.damaged);
      if (result.verdict === 'not-gdbm') worse(EXIT.failed);
      if (json) reports.push(checkReport(path, result, profile));
      else {
        const options = { style: styleFor(process.stdout), all, profile };
        if (!(await printReport(checkText(path, result, options)))) worse(EXIT.failed);
      }
    } catch (error) {
      const { code, message } = explain(error, path, 'read it');
      worse(EXIT.failed);
      if (json) reports.push(unreadableReport(path, code, message));
      tell(message);
    }
  }
  const statement = await statementNow(hashes);
  if (json) {
    const document = JSON.stringify(reportDocument(reports, statement), undefined, 2);
    if (!(await printReport(`${document}\n`))) worse(EXIT.failed);
  } else if (hash && !(await printReport(statementText(statement)))) worse(EXIT.failed);
  return exit;
}

async function checkFile(
  path: string,
  wanted: WantedProfile,
): Promise<{ result: CheckResult; profile: ProfileResult | undefined }> {
  const source = await openRegularFile(path);
  try {
    const before = await stat(path);
    const progress = progressLine();
    const contents = await checkContents(source, wanted, progress.report).finally(progress.end);
    const { profile } = contents;
    const result = withProfile(contents);
    const after = await stat(path);
    if (result.other !== undefined) {
      const other = identifyOther(await readUpTo(source, 0, 4096), path);
      return { result: { ...result, other }, profile };
    }
    if (after.size === before.size && after.mtimeMs === before.mtimeMs) return { result, profile };
    const changed = finding('changed-while-read', null, 'a write during the check', 'a file at rest');
    const findings = [...result.findings, changed];
    const findingCounts = { ...result.findingCounts, [changed.code]: 1 };
    return { result: { ...result, findings, findingCounts }, profile };
  } finally {
    await source.close();
  }
}
