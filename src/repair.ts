import { lstat } from 'node:fs/promises';
import { endianness } from 'node:os';
import type { BuildSpec } from './build/builder.js';
import { DatabaseBuilder } from './build/builder.js';
import type { CheckResult } from './check/check.js';
import { check, checkDatabase } from './check/check.js';
import type { Database } from './database/database.js';
import { openDatabase } from './database/database.js';
import { identifyOther } from './database/identify.js';
import type { Survey } from './database/survey.js';
import { survey } from './database/survey.js';
import { LAYOUT_64 } from './format/layout.js';
import type { RebuildResult } from './rebuild.js';
import { foundDatabase, rebuild, verify } from './rebuild.js';
import { RefusedError, refusal } from './replace/errors.js';
import { FreshFile } from './replace/fresh.js';
import { placeFile, replaceFile } from './replace/replace.js';
import type { HeldFile } from './replace/target.js';
import { holdFile, isStillNamed } from './replace/target.js';
import { abortable } from './source/abortable.js';
import { fileSource } from './source/file.js';
import type { Source } from './source/source.js';
import { readUpTo } from './source/source.js';

export interface RepairOptions {
  /** Writes the fresh database here, a name that must be free, and does not touch the source. */
  readonly output?: string;
  /** Says what would be done and writes nothing. */
  readonly dryRun?: boolean;
  /** Whether the source stays as `NAME.~1~`; it does by default. */
  readonly backup?: boolean;
  /** Seconds to wait for another process that holds the file; 0 by default. */
  readonly wait?: number;
  /** Whether to lock the file as libgdbm does; done by default. */
  readonly lock?: boolean;
  /** Ends the repair; the source is as it was, unless it is already replaced. */
  readonly signal?: AbortSignal;
}

/**
 * `none`: nothing was written. `repaired`: a fresh database was written and verified. `refused`: it is damaged and
 * nothing was written.
 */
export type RepairAction = 'none' | 'repaired' | 'refused';

/** What a repair did. */
export interface RepairResult {
  readonly path: string;
  readonly action: RepairAction;
  /** Why nothing was written, or what a dry run would have done. */
  readonly reason: string | undefined;
  /** The source before the repair. */
  readonly before: CheckResult;
  /** The fresh database, read back. */
  readonly after: CheckResult | undefined;
  /** Where the fresh database is; the source's own name unless another was asked for. */
  readonly output: string | undefined;
  /** Where the source as it was is. */
  readonly backup: string | undefined;
  /** Records in the fresh database, or that would be. */
  readonly kept: number;
  readonly lost: LostRecords;
  /** What else the operator should know. */
  readonly notes: readonly string[];
}

/** What did not come back. */
export interface LostRecords {
  /** Elements in use whose record could not be kept, all reasons together. */
  readonly records: number;
  /** By reason; see {@link RejectReason}. */
  readonly reasons: Readonly<Record<string, number>>;
  /** The share of all hashes, 0 to 1, that no readable bucket covers: what was there is not known. */
  readonly uncovered: number;
  /** How many records the uncovered share may have held, if it was filled as the rest is; null if all is lost. */
  readonly estimated: number | null;
}

/**
 * Repairs a database file. The source is never harmed: a fresh file is written beside it, synced, read back and
 * compared, and only then takes the name.
 *
 * @throws RefusedError if the file system or another process stands in the way; nothing was changed
 * @throws BuildError if the records do not fit the file's own format; nothing was changed
 * @throws VerifyError if the fresh file does not hold what was meant to be in it; nothing was changed
 */
export async function repair(path: string, options: RepairOptions = {}): Promise<RepairResult> {
  // 1. Hold the file: from here until the end no other program changes it.
  const inPlace = options.output === undefined && !options.dryRun;
  const held = await holdFile(path, {
    lock: inPlace ? 'exclusive' : 'shared',
    wait: options.wait ?? 0,
    noLock: options.lock === false || options.dryRun === true,
    signal: options.signal,
  });
  try {
    return await repairHeld(held, options);
  } finally {
    await held.release();
  }
}

async function repairHeld(held: HeldFile, options: RepairOptions): Promise<RepairResult> {
  // 2. Check it.
  const source = abortable(await fileSource(held.handle), options.signal);
  const subject = await examine(source, held.path);
  const { checked } = subject;
  const outcome: RepairResult = {
    path: held.path,
    action: 'none',
    reason: undefined,
    before: checked,
    after: undefined,
    output: undefined,
    backup: undefined,
    kept: checked.records.count - (checked.space?.overreaching.size ?? 0),
    lost: lostRecords(checked),
    notes: [],
  };

  // 3. Leave alone what needs nothing, and what nothing is left of.
  if (checked.verdict === 'not-gdbm') {
    const { what, advice } = checked.other!;
    return { ...outcome, action: 'refused', reason: `This is ${what}. ${advice}` };
  }
  if (checked.verdict === 'healthy' && options.output === undefined) return outcome;
  if (checked.size === 0 && /\.(pag|dir|dat)$/.test(held.realPath)) {
    const reason =
      'This file holds nothing, and its name is one that ndbm, sdbm and dbm.dumb databases have, ' +
      'which may be empty. If it is to be a GDBM database, remove it: its program makes a new one.';
    return { ...outcome, action: 'refused', reason };
  }
  const { count, uncovered, rejected } = checked.records;
  if (checked.size > 0 && count === 0 && (uncovered > 0 || Object.keys(rejected).length > 0)) {
    const reason =
      'No record can be reached: the directory, or every bucket with records that it led to, is gone. ' +
      'A repaired file would be empty, so the file is left as it is. Restore it from a copy if there is one.';
    return { ...outcome, action: 'refused', reason };
  }
  if (options.dryRun) {
    return { ...outcome, reason: 'Dry run: nothing was written. The records counted as kept would be.' };
  }

  if (options.output !== undefined) await requireFree(options.output);

  // 4. Build a fresh file beside the place where it is to be, sync it, read it back and compare it.
  const fresh = await FreshFile.createBeside(options.output ?? held.realPath, options.signal);
  try {
    const { built, after } = await buildFresh(subject, fresh);
    const notes = await dress(held, fresh);

    // 5. Only now give it its name.
    const done = { ...outcome, action: 'repaired' as const, after, kept: built.records };
    const lost = lostRecords(checked, built);
    if (options.output !== undefined) {
      await placeFile(fresh, options.output);
      return { ...done, lost, output: options.output, notes };
    }
    await requireUnchanged(held);
    const { backup, how } = await replaceFile(held, fresh, options.backup ?? true);
    if (held.isLink) {
      notes.push(`A symbolic link led to ${held.realPath}, which was replaced; the link is as it was.`);
    }
    if (how === 'copied-into-place') {
      notes.push('The file is mounted by itself, so its contents were replaced instead of its name.');
    }
    return { ...done, lost, output: held.realPath, backup, notes };
  } finally {
    await fresh.close();
  }
}

/** A file to be repaired; an empty one and one that is not GDBM have no database. */
interface Subject {
  readonly checked: CheckResult;
  readonly database: { db: Database; surveyed: Survey } | undefined;
}

async function examine(source: Source, path: string): Promise<Subject> {
  const db = source.size === 0 ? undefined : await openDatabase(source);
  if (db === undefined) {
    const checked = await check(source);
    if (checked.other === undefined) return { checked, database: undefined };
    // The name is a hint that the source itself does not have.
    const other = identifyOther(await readUpTo(source, 0, 4096), path);
    return { checked: { ...checked, other }, database: undefined };
  }
  const surveyed = await survey(db);
  return { checked: await checkDatabase(db, surveyed), database: { db, surveyed } };
}

async function buildFresh(
  { checked, database }: Subject,
  fresh: FreshFile,
): Promise<{ built: RebuildResult; after: CheckResult }> {
  if (database === undefined || !foundDatabase(checked)) {
    const built = await new DatabaseBuilder(fresh, newDatabaseSpec()).finish();
    await fresh.sync();
    return { built: { ...built, overreaching: 0, overclaimed: 0 }, after: await check(fresh) };
  }
  const { db, surveyed } = database;
  const built = await rebuild(db, surveyed, checked, fresh);
  await fresh.sync();
  return { built, after: await verify(db, surveyed, checked, built, fresh) };
}

/** The kind of database that libgdbm would make here. */
function newDatabaseSpec(): BuildSpec {
  const byteOrder = endianness() === 'LE' ? 'little' : 'big';
  return {
    format: { byteOrder, layout: LAYOUT_64, variant: 'standard' },
    blockSize: 4096,
    bucketSize: 4096,
  };
}

/** Gives the fresh file the source's owner and mode. */
async function dress(held: HeldFile, fresh: FreshFile): Promise<string[]> {
  const notes: string[] = [];
  const { uid, gid, nlink } = held.stats;
  try {
    if (!(await fresh.adopt(held.stats))) {
      notes.push(
        `The new file could not be given the owner ${uid}:${gid}. If its program cannot open it: chown ${uid}:${gid}.`,
      );
    }
    await fresh.sync();
  } catch (error) {
    throw refusal(error, held.path, 'give the fresh file its mode');
  }
  if (nlink > 1) {
    notes.push(`The file has ${nlink} names; the others still lead to it as it was.`);
  }
  return notes;
}

/** Says at once what would be refused at the end. */
async function requireFree(path: string): Promise<void> {
  const taken = await lstat(path).then(
    () => true,
    () => false,
  );
  if (taken) throw refusal({ code: 'EEXIST' }, path, 'make it');
}

/** A program that does not lock could have written meanwhile; its data must not be lost behind its back. */
async function requireUnchanged(held: HeldFile): Promise<void> {
  const { handle, stats, path } = held;
  const now = await handle.stat();
  const written = now.size !== stats.size || now.mtimeMs !== stats.mtimeMs;
  if (written || !(await isStillNamed(held))) {
    throw new RefusedError(
      'changed',
      `${path}: expected it at rest during the repair, found that another program ` +
        `${written ? 'wrote to it' : 'put another file under its name'}. Nothing was changed; stop that program first.`,
    );
  }
}

function lostRecords(checked: CheckResult, built?: RebuildResult): LostRecords {
  const { rejected, uncovered, count } = checked.records;
  // Old copies and second records of a key are not lost: the ones in force are kept.
  const reasons = Object.fromEntries(
    Object.entries({
      ...rejected,
      overreaching: built?.overreaching ?? checked.space?.overreaching.size ?? 0,
      overclaimed: built?.overclaimed ?? 0,
      crowded: built?.crowded ?? 0,
    }).filter(([reason, n]) => n > 0 && reason !== 'superseded' && reason !== 'duplicate'),
  );
  return {
    records: Object.values(reasons).reduce((sum, n) => sum + n, 0),
    reasons,
    uncovered,
    estimated:
      uncovered === 1 || (count === 0 && uncovered > 0) ? null : Math.round(count / (1 - uncovered)) - count,
  };
}
