import { openRegularFile } from '../api/checkedfile.js';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { checkEmpty, checkOther } from '../check/check.js';
import { judgedFor } from '../check/libgdbm.js';
import type { WantedProfile } from '../contents.js';
import { collectLost, withProfile } from '../contents.js';
import { openSearched } from '../examine.js';
import { pageOfDatabase, pageOfOther } from '../report/html/content.js';
import type { Page } from '../report/html/pagedata.js';
import { takePicture } from '../report/picture.js';
import type { LostElement } from '../profile/detect.js';
import { checkProfile } from '../profile/inspect.js';
import { safeSentence } from '../report/escape.js';
import { htmlPage, pageWords } from '../report/html/page.js';
import { statementText } from '../report/text.js';
import { salvage } from '../salvage/salvage.js';
import type { FileSource } from '../source/file.js';
import { openFileSource } from '../source/file.js';
import { readUpTo, reportReading } from '../source/source.js';
import type { Report } from '../source/sweep.js';
import { folderRefusal, refusal, RefusedError } from '../store/errors.js';
import { tellIfChanged } from './file.js';
import { defineCommand, file, hash, judgeFor, machineFor, profile } from './options.js';
import { EXIT, print, printReport } from './terminal.js';
import { progressLine } from './progress.js';
import { statementNow, withEvidence } from './statement.js';

/** Writes a page about a file, which is only read. */
export const command = defineCommand(
  (parser) =>
    parser
      .positional('file', file)
      .options({
        html: {
          type: 'string',
          demandOption: true,
          requiresArg: true,
          describe: 'Where the page goes; - is stdout',
        },
        hash,
        profile,
      })
      .example('$0 report flower.db --html flower.html', 'One file, for any browser')
      .example('$0 report case.db --html case.html --hash', 'For an examiner'),
  async ({ file, html, hash, profile }) => {
    const isStdout = html === '-';
    const opened = await openRegularFile(file, true);
    const progress = progressLine();
    const source = reportReading(opened, progress.report);
    try {
      if (!isStdout) await requireOwnOutput(html, file);
      const { result: made, evidence } = await withEvidence(file, hash, () =>
        pageOf(file, source, profile, progress.report),
      );
      progress.end();
      const { verdict } = made;
      const statement = await statementNow(evidence);
      const page = htmlPage(made, statement);
      if (isStdout) await print(page);
      else await writeWhole(html, page);
      await tellIfChanged(file, source);
      if (!isStdout) {
        const megabytes = (Buffer.byteLength(page) / 1e6).toFixed(1);
        const text = `${html}: the report of ${file}, ${verdict}, ${megabytes} MB`;
        await printReport(`${safeSentence(text)}\n`);
        if (hash) await printReport(statementText(statement));
      }
      if (verdict === 'not-gdbm') return EXIT.failed;
      return verdict === 'healthy' ? EXIT.ok : EXIT.damaged;
    } finally {
      progress.end();
      await source.close();
    }
  },
);

async function pageOf(
  path: string,
  source: FileSource,
  wanted: WantedProfile,
  report: Report | undefined,
): Promise<Page> {
  // Opened as `salvage --deleted` does, so that both know the same old records.
  const found = source.size === 0 ? undefined : await openSearched(source, report, { old: true });
  if (found === undefined) {
    const result = source.size === 0 ? checkEmpty() : await checkOther(source);
    return pageOfOther(source, result, pageWords(path, result, undefined), path);
  }
  const { db, survey } = found;
  const picture = await takePicture(db, survey, undefined, report);
  const lost: LostElement[] = [];
  collectLost(lost, picture.rejected);
  const name = wanted === 'auto' ? undefined : wanted;
  const profile =
    wanted === 'none' ? undefined : await checkProfile(db.source, () => salvage(db, survey), name, lost);
  const result = withProfile({ checked: judgedFor(picture.checked, judgeFor(undefined)), profile });
  const words = pageWords(path, result, profile, machineFor(undefined));
  return pageOfDatabase(db, db.undone?.source ?? source, { ...picture, checked: result }, words, path);
}

/** Lets a page replace an older page, and nothing else. */
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

/** Writes a page under another name and renames it, so that nobody finds half of one. */
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
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') await rm(temporary, { force: true });
    // The folder is missing, not a file of this name.
    if (code === 'ENOENT') throw folderRefusal(error, dirname(path));
    throw refusal(error, path, 'write the report');
  }
}
