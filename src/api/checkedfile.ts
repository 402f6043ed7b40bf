import { stat } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { finding } from '../check/finding.js';
import type { Judge } from '../check/libgdbm.js';
import type { CheckedContents, WantedProfile } from '../contents.js';
import { checkContents, withProfile } from '../contents.js';
import { identifySource } from '../database/identify.js';
import type { FileSource } from '../source/file.js';
import { openFileSource } from '../source/file.js';
import { orSearched } from '../source/readaround.js';
import { abortable, reportReading, SourceError } from '../source/source.js';
import type { Report as Progress } from '../source/sweep.js';
import { requireRegularFile } from '../store/errors.js';

/**
 * Opens a file for reading, never a pipe or a device, which could wait for ever.
 *
 * @param isSearched whether it is searched for pages that the disk cannot read first; see `orSearched`
 * @throws RefusedError or NodeJS.ErrnoException
 */
export async function openRegularFile(path: string, isSearched = false): Promise<FileSource> {
  requireRegularFile(path, await stat(path));
  return openFileSource(path, isSearched);
}

/**
 * Limits of repeated work on a file that a program writes to and that looks damaged: how many times, and milliseconds in
 * all and between two. Such a program saves within seconds.
 */
const TRIES = 5;
const PATIENCE = 5000;
const PAUSE = 100;

/**
 * Runs work on a file, and again while a program writes to it: bytes that were read at different moments do not fit
 * together.
 *
 * @param once says whether the file looked damaged and was written to meanwhile
 */
export async function untilAtRest<T extends { readonly isMixed: boolean }>(
  once: () => Promise<T>,
): Promise<T> {
  const started = Date.now();
  for (let again = TRIES - 1; ; again--) {
    const isLast = again === 0 || Date.now() - started > PATIENCE;
    try {
      const result = await once();
      if (isLast || !result.isMixed) return result;
    } catch (error) {
      if (isLast || !(error instanceof SourceError)) throw error;
    }
    await setTimeout(PAUSE);
  }
}

/** Options of {@link checkFile}. */
export interface CheckFileOptions {
  readonly profile: WantedProfile;
  /** The machine whose libgdbm is to use it; by default only the structure is judged. */
  readonly judge?: Judge | undefined;
  readonly report?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Checks a file; again if a program wrote to it meanwhile, and if it still does, with the finding `changed-while-read`.
 *
 * @throws RefusedError, SourceError or NodeJS.ErrnoException if it cannot be read
 */
export async function checkFile(path: string, options: CheckFileOptions): Promise<CheckedContents> {
  const { contents, changed } = await untilAtRest(() =>
    orSearched((isSearched) => checkOnce(path, options, isSearched)),
  );
  const { checked } = contents;
  if (!changed || checked.other !== undefined) return contents;
  const written = finding('changed-while-read', null, 'a write during the check', 'a file at rest');
  const findings = [...checked.findings, written];
  const findingCounts = { ...checked.findingCounts, [written.code]: 1 };
  return { ...contents, checked: { ...checked, findings, findingCounts } };
}

async function checkOnce(
  path: string,
  { profile, judge, report, signal }: CheckFileOptions,
  isSearched: boolean,
): Promise<{ contents: CheckedContents; changed: boolean; isMixed: boolean }> {
  const file = await openRegularFile(path, isSearched);
  try {
    let contents = await checkContents(
      abortable(reportReading(file, report), signal),
      profile,
      report,
      judge,
    );
    const changed = await file.changed();
    const isMixed = changed && withProfile(contents).verdict === 'damaged';
    const { checked } = contents;
    if (checked.other !== undefined) {
      contents = { ...contents, checked: { ...checked, other: await identifySource(file, path) } };
    }
    return { contents, changed, isMixed };
  } finally {
    await file.close();
  }
}
