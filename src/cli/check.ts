import { stat } from 'node:fs/promises';
import type { CheckResult } from '../check/check.js';
import { check } from '../check/check.js';
import { finding } from '../check/finding.js';
import { identifyOther } from '../database/identify.js';
import { checkReport, reportDocument, unreadableReport } from '../report/json.js';
import { checkText } from '../report/text.js';
import { readUpTo } from '../source/source.js';
import type { ExitCode } from './exit.js';
import { EXIT, explain } from './exit.js';
import { openRegularFile } from './file.js';
import { printReport, styleFor, tell } from './terminal.js';

export interface CheckArguments {
  readonly files: readonly string[];
  readonly json: boolean;
  readonly all: boolean;
}

/** Checks each file and reports; never writes. */
export async function checkCommand({ files, json, all }: CheckArguments): Promise<ExitCode> {
  const reports: object[] = [];
  let exit: ExitCode = EXIT.ok;
  const worse = (code: ExitCode) => {
    if (code > exit) exit = code;
  };
  for (const path of files) {
    try {
      const result = await checkFile(path);
      if (result.verdict === 'damaged') worse(EXIT.damaged);
      if (result.verdict === 'not-gdbm') worse(EXIT.failed);
      if (json) reports.push(checkReport(path, result));
      else if (!(await printReport(checkText(path, result, { style: styleFor(process.stdout), all })))) {
        worse(EXIT.failed);
      }
    } catch (error) {
      const { code, message } = explain(error, path, 'read it');
      worse(EXIT.failed);
      if (json) reports.push(unreadableReport(path, code, message));
      tell(message);
    }
  }
  if (json && !(await printReport(`${JSON.stringify(reportDocument(reports), undefined, 2)}\n`))) {
    worse(EXIT.failed);
  }
  return exit;
}

async function checkFile(path: string): Promise<CheckResult> {
  const source = await openRegularFile(path);
  try {
    const before = await stat(path);
    const result = await check(source);
    const after = await stat(path);
    if (result.other !== undefined) {
      return { ...result, other: identifyOther(await readUpTo(source, 0, 4096), path) };
    }
    if (after.size === before.size && after.mtimeMs === before.mtimeMs) return result;
    const changed = finding('changed-while-read', null, 'a write during the check', 'a file at rest');
    return {
      ...result,
      findings: [...result.findings, changed],
      findingCounts: { ...result.findingCounts, [changed.code]: 1 },
    };
  } finally {
    await source.close();
  }
}
