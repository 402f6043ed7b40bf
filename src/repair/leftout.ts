import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { open, unlink } from 'node:fs/promises';
import type { LeaveOutRule } from '../profile/leaveout.js';
import { leftOutLines, quarantine } from '../quarantine.js';
import { foundDatabase } from '../write/checked.js';
import { keepable } from '../write/records.js';
import { heldIn } from '../write/verify.js';
import { RefusedError, refusal } from '../store/errors.js';
import type { FreshFile } from '../store/fresh.js';
import { giveRights } from '../store/rights.js';
import type { HeldFile } from '../store/held.js';
import { jsonText } from '../report/escape.js';
import { fileSource } from '../source/file.js';
import { readChunks } from '../source/source.js';
import type { RepairOptions } from './result.js';
import type { Subject } from './subject.js';
import { addedOf } from './subject.js';

/** A quarantine that was written; where the repair fails after it, nothing was replaced and it goes again. */
export interface WrittenQuarantine {
  readonly path: string;
  remove(): Promise<void>;
}

/** Characters gathered before they are written. */
const WRITTEN_AT_ONCE = 1 << 18;

/** Bits of a mode by which its owner reads and writes a file. */
const OWNERS = 0o600;

/** Numbers tried for a quarantine's name, as for a backup's. */
const MAX_NAMES = 100_000;

/**
 * Writes what was found but not kept, before the source is replaced, so that it is never only in a backup: all of it to the
 * file that was named. Where none was named, what the program could not load goes to `NAME.quarantine.~1~` beside the fresh
 * database, or the first number that is free.
 *
 * Only its maker can read it, or the source's owner. It is synced and read back.
 *
 * @returns undefined where none was named and nothing is left out
 * @throws RefusedError; nothing is left behind
 */
export async function writeQuarantine(
  held: HeldFile,
  subject: Subject,
  fresh: FreshFile,
  { quarantine: named, include, output }: RepairOptions,
  why: LeaveOutRule | undefined,
): Promise<WrittenQuarantine | undefined> {
  if (named === undefined && why === undefined) return undefined;
  const { path, file } =
    named === undefined
      ? await openBeside(output ?? held.realPath)
      : { path: named, file: await openNew(named, named) };
  const remove = () => unlink(path).catch(() => {});
  try {
    if (named === undefined) {
      // Whoever owns the source can read all of this in it; nobody else may.
      const { uid, gid, mode } = held.stats;
      await giveRights(file, { uid, gid, mode: mode & OWNERS }, 'The quarantine');
    }
    await writeLines(file, linesOf(subject, fresh, include, why, named !== undefined));
    return { path, remove };
  } catch (error) {
    await remove();
    throw refusal(error, path, 'write the quarantine');
  } finally {
    await file.close();
  }
}

async function openBeside(target: string): Promise<{ path: string; file: FileHandle }> {
  for (let n = 1; n <= MAX_NAMES; n++) {
    const path = `${target}.quarantine.~${n}~`;
    try {
      return { path, file: await openNew(path, target) };
    } catch (error) {
      if (!(error instanceof RefusedError && error.code === 'exists')) throw error;
    }
  }
  throw new RefusedError('exists', `${target}: all ${MAX_NAMES} names for a quarantine beside it are taken.`);
}

async function openNew(path: string, about: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx+', 0o600);
  } catch (error) {
    throw refusal(error, about, 'write the quarantine');
  }
}

async function* linesOf(
  subject: Subject,
  fresh: FreshFile,
  include: RepairOptions['include'],
  why: LeaveOutRule | undefined,
  isAllWanted: boolean,
): AsyncGenerator<string> {
  const { checked, database, old, carved } = subject;
  if (database === undefined || !foundDatabase(checked)) return;
  const { db, surveyed: survey } = database;
  // First, because the other lines are cut where all together would be larger than the file.
  if (why !== undefined) {
    yield* leftOutLines(db.source, keepable(db, survey, checked, addedOf(subject, include)), why);
  }
  if (!isAllWanted) return;
  const isKept = await heldIn(db.source, fresh);
  for await (const line of quarantine({ db, survey }, checked, { old, carved, isKept })) {
    yield `${jsonText(line)}\n`;
  }
}

/** Writes text to an empty file, syncs it and compares what can be read back. */
async function writeLines(file: FileHandle, pieces: AsyncIterable<string>): Promise<void> {
  const written = createHash('sha256');
  let waiting = '';
  const write = async () => {
    written.update(waiting);
    await file.writeFile(waiting);
    waiting = '';
  };
  for await (const piece of pieces) {
    waiting += piece;
    if (waiting.length >= WRITTEN_AT_ONCE) await write();
  }
  await write();
  await file.sync();
  const found = createHash('sha256');
  const source = await fileSource(file);
  for await (const piece of readChunks(source, 0, source.size)) found.update(piece);
  if (found.digest('hex') !== written.digest('hex')) {
    throw new RefusedError('io', 'The quarantine does not hold what was written to it. Check the disk.');
  }
}
