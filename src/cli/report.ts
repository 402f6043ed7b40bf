import { judgedFor } from '../check/foreign.js';
import { judgeFor, machineFor } from './machine.js';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { CheckResult } from '../check/check.js';
import { checkEmpty, checkOther } from '../check/check.js';
import type { WantedProfile } from '../contents.js';
import { collectLost, withProfile } from '../contents.js';
import { openSearched } from '../examine.js';
import type { Report } from '../source/sweep.js';
import { pageOfDatabase, pageOfOther } from '../picture/page.js';
import type { Page } from '../picture/pagedata.js';
import { takePicture } from '../picture/picture.js';
import type { LostElement } from '../profile/detect.js';
import { checkProfile } from '../profile/inspect.js';
import { folderRefusal, RefusedError, refusal } from '../store/errors.js';
import { safeSentence } from '../report/escape.js';
import { htmlPage } from '../report/html/page.js';
import { pageWords } from '../report/html/words.js';
import { statementText } from '../report/statementtext.js';
import { salvage } from '../salvage/salvage.js';
import type { FileSource } from '../source/file.js';
import { openFileSource } from '../source/file.js';
import { readUpTo } from '../source/source.js';
import type { ExitCode } from './exit.js';
import { EXIT } from './exit.js';
import { tellIfChanged } from './atrest.js';
import { openRegularFile } from './file.js';
import { collectGarbage } from './heap.js';
import { progressLine } from './progress.js';
import { statementNow, withEvidence } from './statement.js';
import { print, printReport } from './terminal.js';

export interface ReportArguments {
  readonly file: string;
  readonly html: string;
  readonly hash: boolean;
  readonly profile: WantedProfile;
}

/** Names standard output, as for the other commands that write what is no database. */
const STREAM = '-';

/** Writes a page about a file; the file itself is only read. */
export async function reportCommand({ file, html, hash, profile }: ReportArguments): Promise<ExitCode> {
  const source = await openRegularFile(file, true);
  const progress = progressLine();
  try {
    if (html !== STREAM) await requireOwnOutput(html, file);
    const {
      result: { page: found, result },
      evidence,
    } = await withEvidence(file, hash, () => pageOf(file, source, profile, progress.report));
    progress.end();
    const statement = await statementNow(evidence);
    const page = htmlPage({ ...found, statement: pageWords(file, result, undefined, statement).statement });
    if (html === STREAM) await print(page);
    else await writeWhole(html, page);
    await tellIfChanged(file, source);
    if (html !== STREAM) {
      const megabytes = (Buffer.byteLength(page) / 1e6).toFixed(1);
      await printReport(
        safeSentence(`${html}: the report of ${file}, ${result.verdict}, ${megabytes} MB`) + '\n',
      );
      // The page has it, too.
      if (hash) await printReport(statementText(statement));
    }
    if (result.verdict === 'not-gdbm') return EXIT.failed;
    return result.verdict === 'healthy' ? EXIT.ok : EXIT.damaged;
  } finally {
    progress.end();
    await source.close();
  }
}

async function pageOf(
  path: string,
  source: FileSource,
  wanted: WantedProfile,
  report: Report,
): Promise<{ page: Page; result: CheckResult }> {
  const statement = await statementNow();
  // As `salvage --deleted` opens it, so that both know the same old records.
  const open = source.size === 0 ? undefined : await openSearched(source, report, { old: true });
  if (open === undefined) {
    const result = source.size === 0 ? checkEmpty() : await checkOther(source);
    return { page: await pageOfOther(source, result, pageWords(path, result, undefined, statement)), result };
  }
  const { db, survey } = open;
  collectGarbage();
  const picture = await takePicture(db, survey, undefined, report);
  collectGarbage();
  const lost: LostElement[] = [];
  collectLost(lost, picture.rejected);
  const name = wanted === 'auto' ? undefined : wanted;
  const profile =
    wanted === 'none' ? undefined : await checkProfile(db.source, () => salvage(db, survey), name, lost);
  const result = withProfile({ checked: judgedFor(picture.checked, judgeFor(undefined)), profile });
  const words = pageWords(path, result, profile, statement, machineFor(undefined));
  return { page: await pageOfDatabase(db, source, { ...picture, checked: result }, words), result };
}

/** A report takes the place of an older report, and of nothing else. */
async function requireOwnOutput(output: string, file: string): Promise<void> {
  const there = await stat(output).catch(() => undefined);
  if (there === undefined) return;
  const own = await stat(file);
  const source = there.isFile() ? await openFileSource(output) : undefined;
  try {
    const start = source === undefined ? '' : Buffer.from(await readUpTo(source, 0, 15)).toString();
    if (there.ino !== own.ino && start === '<!doctype html>') return;
  } finally {
    await source?.close();
  }
  throw new RefusedError(
    'io',
    `${output}: expected no file or an older report, found another file. Choose another name for --html.`,
  );
}

/** Nobody ever finds half of a page. */
async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.part`;
  try {
    const handle = await open(temporary, 'wx');
    try {
      await handle.writeFile(text);
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') await rm(temporary, { force: true });
    // It is its folder that is not there, not a file of this name.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw folderRefusal(error, dirname(path));
    throw refusal(error, path, 'write the report');
  }
}
