import type { BigIntStats, Stats } from 'node:fs';
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, stat, unlink } from 'node:fs/promises';
import { groupFindings } from '../check/finding.js';
import type { Judge } from '../check/libgdbm.js';
import type { CheckedContents, WantedProfile } from '../contents.js';
import { amountOf, checkContents, withProfile } from '../contents.js';
import { isDeclared } from '../database/identify.js';
import { checkDbm } from '../dbm/check.js';
import type { DbmCheck, DbmKind } from '../dbm/kind.js';
import { checkSqlite } from '../dbm/sqlite.js';
import type { FoundDbm } from '../dbm/which.js';
import { shadowed, twoDatabases, whichDbm } from '../dbm/which.js';
import { MACHINES } from '../format/machines.js';
import { needsRepair } from '../profile/leaveout.js';
import type { ProfileName } from '../profile/profiles.js';
import { shellPath } from '../report/escape.js';
import { foreignText } from '../report/sentences.js';
import { fileSource, isUnchanged, openFileSource } from '../source/file.js';
import { orSearched } from '../source/readaround.js';
import type { Source } from '../source/source.js';
import { SourceError } from '../source/source.js';
import { changedMeanwhile, refusal, RefusedError } from '../store/errors.js';
import { fileState, MISSING } from '../store/held.js';
import type { Keep } from '../store/retention.js';
import type { BusyFile, JudgedFile } from '../store/take.js';
import { contentsText } from '../store/snapshot.js';
import { takeSnapshot } from '../store/take.js';
import type { Look } from './look.js';
import { bareLook, isInUse, withoutPath } from './look.js';
import { thisMachine } from './machine.js';
import { findHolders } from './procfs.js';

interface LookOptions {
  readonly path: string;
  readonly profile: WantedProfile;
  /** Takes a snapshot of a clean file. */
  readonly snapshot: boolean;
  /** Looks for other processes that use a clean file, too; those that use a damaged one are always looked for. */
  readonly holders?: boolean;
  /** The folder of the snapshots; by default beside the database. */
  readonly snapshots: string | undefined;
  readonly keep?: Keep | undefined;
  /** Bytes that snapshots and backups may take; 20 % of their volume by default. */
  readonly maxBytes?: number | undefined;
  /** The database of which the copy is a snapshot, if the file stands in for it; by default the file itself. */
  readonly snapshotFor?: string | undefined;
  /** Why the file is no good state, if the caller knows: its copy is kept apart. */
  readonly poor?: string | undefined;
  /** Makes it a snapshot of the file itself if the place of `snapshotFor` cannot be written. */
  readonly orHere?: boolean;
}

/** Copies of a file that are made and examined until one is sound: of one that changes, and of one that looks damaged. */
const COPIES = { changing: 5, damaged: 2 } as const;

/**
 * Looks once at a database that may be in use. Takes no lock, so that no save of its program fails.
 *
 * 1. The file is read, and the result counts only if it did not change meanwhile.
 * 2. If it did, or if it looks damaged while a process has it open, a copy is made and examined instead. A sound copy is a
 *    state that the program's next start can use.
 */
export async function lookOnce(options: LookOptions): Promise<Look> {
  const look = await lookAtFile(options);
  const { verdict, use, holder } = look;
  if (verdict === 'not-checked' || verdict === 'missing') return (await lookAtOther(options)) ?? look;
  const mayBeWritten = verdict === 'changing' || (verdict === 'damaged' && !look.loads && isInUse(look));
  if (!options.snapshot || !mayBeWritten) return look;
  let snapshotTrouble: string | null = null;
  for (let n = 0; n < COPIES[verdict]; n++) {
    const copied = await withFile(options.path, (handle) => lookAtCopy(handle, options));
    if (copied.verdict === 'clean') return { ...copied, use, holder };
    ({ snapshotTrouble } = copied);
  }
  return { ...look, snapshotTrouble };
}

async function lookAtFile(options: LookOptions): Promise<Look> {
  return withFile(options.path, async (handle) => {
    const before = await handle.stat({ bigint: true });
    const judged = await handle.stat();
    return lookInto(handle, before, judged, options);
  });
}

/** Opens a file for a look; errors of the file become a look. */
async function withFile(path: string, look: (handle: FileHandle) => Promise<Look>): Promise<Look> {
  let handle: FileHandle;
  try {
    // Without O_NONBLOCK opening a pipe would wait for its writer.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return { ...bareLook(path, 'missing', 'there is no such file'), state: MISSING };
    }
    return lookOfTrouble(error, path);
  }
  try {
    if (!(await handle.stat()).isFile()) return bareLook(path, 'unreadable', 'it is no regular file');
    return await look(handle);
  } catch (error) {
    if (error instanceof SourceError) return bareLook(path, 'changing', 'it was written to meanwhile');
    return lookOfTrouble(error, path);
  } finally {
    await handle.close();
  }
}

/** Takes a snapshot of a file that a program may be writing to. `changing` if its copy is not sound. */
async function lookAtCopy(handle: FileHandle, options: LookOptions): Promise<Look> {
  const { path } = options;
  let contents: CheckedContents | undefined;
  const examine = async (copy: Source) => {
    contents = await checkContents(copy, options.profile, undefined, machineJudge());
    const { verdict } = withProfile(contents);
    if (verdict !== 'healthy' || contents.profile?.usable === false) throw changedMeanwhile(path);
    return amountOf(contents);
  };
  const kept = await keep({ handle, examine }, options);
  if (kept === 'changed' || contents === undefined) {
    const trouble = kept === 'changed' ? null : kept.snapshotTrouble;
    return { ...bareLook(path, 'changing', 'it was written to meanwhile'), snapshotTrouble: trouble };
  }
  const { checked, profile } = contents;
  const { size } = checked;
  const { records, tasks } = amountOf(contents);
  const amount = { records, ...(tasks !== undefined && { tasks }) };
  const sound = bareLook(path, 'clean', `sound, with ${contentsText(amount)}`);
  return {
    ...sound,
    ...kept,
    ...amount,
    size,
    profile: profile?.name ?? nameOf(options.profile),
    usable: true,
  };
}

function nameOf(profile: WantedProfile): string {
  return profile === 'auto' ? 'none' : profile;
}

/** The machine whose libgdbm will use the file; undefined if it is unknown. */
function machineJudge(): Judge | undefined {
  const machine = thisMachine();
  return machine && MACHINES[machine];
}

async function lookInto(
  handle: FileHandle,
  before: BigIntStats,
  judged: Stats,
  options: LookOptions,
): Promise<Look> {
  const { path } = options;
  const machine = thisMachine();
  const judge = machineJudge();
  const contents = await orSearched(async (isSearched) =>
    checkContents(
      await fileSource(handle, { aroundErrors: true, isSearched }),
      options.profile,
      undefined,
      judge,
    ),
  );
  const checked = withProfile(contents);
  const { verdict, findings, other, libgdbm } = checked;
  const { records, tasks } = amountOf(contents);
  const { profile } = contents;
  if (!(await isUnchanged(handle, before, path))) {
    return bareLook(path, 'changing', 'it was written to meanwhile');
  }
  const two = await shadowed(path).catch(() => undefined);
  const note = two === undefined ? '' : `; ${twoDatabases(path, two)} This is about the second`;
  const about = {
    path,
    records,
    ...(tasks !== undefined && { tasks }),
    size: Number(before.size),
    state: fileState(before),
    profile: profile?.name ?? nameOf(options.profile),
    // Programs take an empty file for a new database, but Python's whichdb rejects it.
    usable: (verdict === 'healthy' || verdict === 'foreign') && profile?.usable !== false,
  };
  if (other !== undefined && isDeclared(other)) {
    return { ...bareLook(path, 'not-checked', `this is ${other.what}`), ...about };
  }
  if (verdict === 'foreign') {
    const to = `gdbm-doctor repair --for ${machine} ${shellPath(path)}`;
    const what = `${foreignText(checked, machine)}. To do: ${to}`;
    return {
      ...bareLook(path, 'other-machine', what),
      ...about,
      digest: about.state,
      ...(await useOf(before)),
    };
  }
  if (about.usable) {
    const file = { handle, stats: judged, ...amountOf(contents), poor: options.poor };
    const kept = options.snapshot ? await keep(file, options) : NO_SNAPSHOT;
    if (kept === 'changed') return bareLook(path, 'changing', 'it was written to meanwhile');
    const use = options.holders === true ? await useOf(before) : NOT_SEEN;
    const sound = bareLook(path, 'clean', `sound, with ${contentsText(about)}${note}`);
    return { ...sound, ...about, ...kept, ...use, digest: about.state };
  }
  const worst = groupFindings(checked).find(({ severity }) => severity === 'error');
  const said = libgdbm === null ? '' : `, libgdbm says "${libgdbm}"`;
  const loads = profile !== undefined && !needsRepair(checked, profile);
  const left = loads ? `; its structure is sound and it is left as it is${profileHint(profile.name)}` : '';
  const fault =
    worst === undefined ? `this is ${other?.what ?? 'no database'}` : `${worst.code}, ${worst.found}`;
  return {
    ...bareLook(path, 'damaged', `damaged: ${fault}${said}${left}${note}`),
    ...about,
    loads,
    digest: [about.state, ...findings.map(({ code, offset }) => `${code}@${offset}`)].join(' '),
    ...(await useOf(before)),
  };
}

/** Kinds of database that are looked at as such. */
const OTHER_KINDS: readonly DbmKind[] = ['dbm.sqlite3', 'dbm.dumb', 'ndbm', 'berkeley-db'];

/**
 * Looks at the database of another kind that a program opens by the name; undefined if there is none. Snapshots are taken
 * of a dbm.sqlite3 only: it is one file once SQLite has written its journal into a copy of it.
 */
async function lookAtOther(options: LookOptions): Promise<Look | undefined> {
  const { path, snapshot: isWanted } = options;
  try {
    const found = await whichDbm(path);
    if (!OTHER_KINDS.includes(found.kind)) return undefined;
    const [file] = found.files;
    const before = await stat(file, { bigint: true });
    let kept: Awaited<ReturnType<typeof keep>> = NO_SNAPSHOT;
    const checked =
      found.kind === 'dbm.sqlite3'
        ? await checkSqlite(found, {}, async (merged, records) => {
            if (isWanted && records !== undefined) kept = await keepSqlite(merged, before, records, options);
          })
        : await checkDbm(found);
    const isSame = fileState(await stat(file, { bigint: true })) === fileState(before);
    if (!isSame || (kept as unknown) === 'changed')
      return bareLook(path, 'changing', 'it was written to meanwhile');
    const state = fileState(before);
    const judged = judgedOther(options, found, checked);
    return {
      ...judged,
      ...kept,
      snapshotTrouble: kept.snapshotTrouble ?? judged.snapshotTrouble,
      size: Number(before.size),
      state,
      digest: [state, ...checked.problems].join(' '),
      ...(await useOf(before)),
    };
  } catch (error) {
    return lookOfTrouble(error, path);
  }
}

/** Judges a database of another kind. A kind that cannot be checked, or be brought back, is not called damaged. */
function judgedOther(
  { path, profile }: LookOptions,
  found: FoundDbm,
  { verdict, records, problems }: DbmCheck,
): Look {
  const { kind } = found;
  const problem = problems.join('; ');
  const bare = (seen: Look['verdict'], what: string): Look => ({
    ...bareLook(path, seen, what),
    records: records ?? 0,
    profile: nameOf(profile),
  });
  if (verdict === 'damaged' && kind === 'dbm.sqlite3')
    return bare('damaged', `damaged dbm.sqlite3: ${problem}`);
  if (verdict === 'sound' && records !== undefined) {
    const sound = bare('clean', `sound, ${kind} with ${contentsText({ records })}`);
    const snapshotTrouble =
      kind === 'dbm.sqlite3' ? null : `none are taken of ${kind}, which has several files`;
    return { ...sound, usable: true, snapshotTrouble };
  }
  const why = verdict === 'sound' ? 'it has no table of dbm.sqlite3' : problem;
  return bare('not-checked', `${kind}, ${verdict === 'damaged' ? 'damaged' : 'not checked'}: ${why}`);
}

/**
 * Takes a snapshot of an SQLite database, which is sound and has no journal.
 *
 * @param merged the database itself, or a copy that has its journal in it
 * @param before stats of the database before the check
 */
async function keepSqlite(
  merged: string,
  before: BigIntStats,
  records: number,
  options: LookOptions,
): Promise<Pick<Look, 'snapshot' | 'snapshotTrouble'> | 'changed'> {
  const handle = await open(merged, constants.O_RDONLY);
  try {
    const stats = await handle.stat();
    const now = await handle.stat({ bigint: true });
    const isItself = now.ino === before.ino && now.dev === before.dev;
    if (isItself && fileState(now) !== fileState(before)) return 'changed';
    const { poor } = options;
    return await keep({ handle, stats, records, contentBytes: stats.size, poor, isOther: true }, options);
  } finally {
    await handle.close();
  }
}

/** The use of a file by another process, and a process that uses it. */
type Use = Pick<Look, 'use' | 'holder'>;

const NOT_SEEN: Use = { use: null, holder: null };

/** Looks for other processes that use the file. */
async function useOf({ dev, ino }: BigIntStats): Promise<Use> {
  const { holders } = await findHolders({ dev, ino }, []);
  if (holders === undefined) return NOT_SEEN;
  const holder = holders.find(({ lock }) => lock !== 'none') ?? holders.at(0);
  if (holder === undefined) return { use: 'none', holder: null };
  const { lock, pid, command } = holder;
  const name = `process ${pid}${command === undefined ? '' : ` (${command})`}`;
  return { use: lock === 'none' ? 'open' : 'locked', holder: name };
}

/** Names the way out if values that are no pickles are intended, where the profile was inferred from the other values. */
function profileHint(profile: ProfileName): string {
  return profile === 'shelve' ? '. If its values are meant to be so: --profile none' : '';
}

/** Errors of the file or its path; others, such as too many open files, are those of the look. */
const FILE_ERRORS = [
  'EACCES',
  'EPERM',
  'EIO',
  'EISDIR',
  'ENXIO',
  'ENODEV',
  'ELOOP',
  'ENOTDIR',
  'ENAMETOOLONG',
];

function lookOfTrouble(error: unknown, path: string): Look {
  const what = troubleOf(error, path, 'read it');
  const { code } = error as NodeJS.ErrnoException;
  return FILE_ERRORS.includes(code ?? '')
    ? bareLook(path, 'unreadable', what)
    : bareLook(path, 'unknown', `the look failed: ${what}`);
}

/** Describes an error of the file system, without the path; rethrows a programming error. */
function troubleOf(error: unknown, path: string, doing: string): string {
  if (error instanceof RefusedError || (error instanceof Error && 'syscall' in error))
    return withoutPath(refusal(error, path, doing).message, path);
  throw error;
}

const NO_SNAPSHOT = { snapshot: null, snapshotTrouble: null };

/** A file to keep: of GDBM, or a whole one of another kind. */
type KeptFile = BusyFile | (JudgedFile & { readonly isOther?: boolean });

/** Takes a snapshot; `changed` if the file turns out to have changed during the look. */
async function keep(
  file: KeptFile,
  options: LookOptions,
): Promise<Pick<Look, 'snapshot' | 'snapshotTrouble'> | 'changed'> {
  const { path, snapshots, snapshotFor = path, orHere = false } = options;
  let trouble: string | null = null;
  for (const database of orHere ? [snapshotFor, path] : [snapshotFor]) {
    const dir = database === snapshotFor ? snapshots : undefined;
    try {
      const snapshot = await keepAs(database, dir, file, options);
      return snapshot === 'changed' ? 'changed' : { snapshot, snapshotTrouble: trouble };
    } catch (error) {
      if (error instanceof RefusedError && error.code === 'changed') return 'changed';
      trouble ??= troubleOf(error, database, 'keep a copy of it');
    }
  }
  return { snapshot: null, snapshotTrouble: trouble };
}

async function keepAs(
  database: string,
  dir: string | undefined,
  file: KeptFile,
  { profile, keep, maxBytes }: LookOptions,
): Promise<NonNullable<Look['snapshot']> | 'changed'> {
  const limits = { dir, keep, maxBytes, limitBackups: true };
  const { taken, same, removedBackups, worse, why } = await takeSnapshot(database, file, limits);
  const kept = (taken ?? same)!;
  const snapshot = {
    id: kept.id,
    taken: taken !== undefined,
    poor: kept.poor ? (worse ?? why) : null,
    removedBackups,
  };
  if (taken === undefined || 'examine' in file || file.isOther === true) return snapshot;
  // Writes through mmap need not change the file's time, so the copy itself is checked.
  const copy = await openFileSource(taken.path);
  try {
    const { verdict } = withProfile(await checkContents(copy, profile));
    if (verdict !== 'healthy') {
      await unlink(taken.path);
      return 'changed';
    }
  } finally {
    await copy.close();
  }
  return snapshot;
}
