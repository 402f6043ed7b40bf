/**
 * The temporary database of a program: it stands in for the program's own one while the place of that cannot be written
 * (a full volume, no permission), and is taken back once it can. The file in that place keeps its name and its bytes
 * meanwhile.
 */
import { chmod, lstat, mkdtemp, readdir, readFile, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { MISSING, stateOf } from '../store/held.js';
import type { Contents } from '../store/snapshot.js';
import { lookAt } from './look.js';
import type { Mending } from './mend.js';
import { bestSnapshotOf, copyOut, isGain, restore } from './mend.js';

/** A temporary database, alone with its snapshots in a private folder. */
export interface Temporary {
  readonly folder: string;
  readonly path: string;
  /** State of the program's own database when this one began. */
  readonly ownBefore: string;
  /** State of this one when it began. */
  readonly begun: string;
}

const PREFIX = 'gdbm-doctor-';
/** File in the folder with the path of the program's own database and the two states. */
const ORIGIN = 'origin.json';

interface Origin {
  readonly path: string;
  readonly ownBefore: string;
  readonly begun: string;
}

/** Finds the temporary database that an earlier run left for the database at a path; the last written one of several. */
export async function findTemporary(ownPath: string): Promise<Temporary | undefined> {
  const found: { time: number; temporary: Temporary }[] = [];
  for (const name of await readdir(tmpdir()).catch(() => [])) {
    if (!name.startsWith(PREFIX)) continue;
    const folder = join(tmpdir(), name);
    const origin = await originIn(folder);
    if (origin?.path !== ownPath) continue;
    const path = join(folder, basename(ownPath));
    const time = (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;
    found.push({ time, temporary: { folder, path, ownBefore: origin.ownBefore, begun: origin.begun } });
  }
  return found.sort((a, b) => b.time - a.time)[0]?.temporary;
}

/** The origin of a folder of this user's; undefined for another folder, such as one that another user made. */
async function originIn(folder: string): Promise<Origin | undefined> {
  try {
    const stats = await lstat(folder);
    if (!stats.isDirectory() || stats.uid !== process.geteuid?.() || (stats.mode & 0o077) !== 0)
      return undefined;
    return JSON.parse(await readFile(join(folder, ORIGIN), 'utf8')) as Origin;
  } catch {
    return undefined;
  }
}

/** The means to mend the temporary database. Its own snapshots lie beside it. */
export function mendingOf({ path }: Temporary, mending: Mending): Mending {
  return {
    ...mending,
    path,
    folderOptions: [],
    bestSnapshot: bestSnapshotOf(path, undefined, mending.log),
  };
}

/** Options of a look at the temporary database: its snapshots go to the place of the program's own one, if they can. */
export function lookOptionsOf(mending: Mending, lookOptions: readonly string[]): string[] {
  return [...lookOptions, `--snapshot-for=${mending.path}`, '--or-here'];
}

/**
 * Begins a temporary database as the repaired copy of what can be read of the program's own one, or of its newest good
 * snapshot if that has more. Where there is neither, the program makes a new one.
 *
 * @returns the database and what it begins with; undefined if there is no folder for it
 */
export async function beginTemporary(
  mending: Mending,
): Promise<{ temporary: Temporary; contents: Contents } | undefined> {
  const ownBefore = (await stateOf(mending.path)) ?? MISSING;
  let folder: string | undefined;
  try {
    // Private, because all users share the folder above.
    folder = await mkdtemp(join(tmpdir(), PREFIX));
    const path = join(folder, basename(mending.path));
    const contents = await fill(path, mending);
    // The copy has the mode of a file that may not be writable.
    await chmod(path, 0o600).catch(() => {});
    const begun = (await stateOf(path)) ?? MISSING;
    const origin: Origin = { path: mending.path, ownBefore, begun };
    await writeFile(join(folder, ORIGIN), `${JSON.stringify(origin)}\n`, { mode: 0o600 });
    return { temporary: { folder, path, ownBefore, begun }, contents };
  } catch {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true }).catch(() => {});
    return undefined;
  }
}

/** Fills a new file. Returns what is in it. */
async function fill(path: string, mending: Mending): Promise<Contents> {
  const { run, profileOptions } = mending;
  const best = await mending.bestSnapshot();
  const copied = await copyOut(mending.path, path, mending);
  const look = await lookAt(run, path, ['--no-snapshot', ...profileOptions]);
  if (best === undefined || !isGain(best, look, copied)) return look;
  await unlink(path).catch(() => {});
  const loss = await copyOut(best.path, path, mending);
  return loss === undefined ? { records: 0 } : best;
}

/**
 * Result of {@link takeBack}:
 *
 * - `taken`: the program's own database is the temporary one now.
 * - `kept`: the program's own one is newer, or has much more in it; the temporary one is kept as a snapshot of it.
 * - `nothing`: the program stored nothing in the temporary one.
 * - `prevented`: the place cannot be written yet.
 * - `busy`: another process uses one of the two.
 */
export type TakenBack = 'taken' | 'kept' | 'nothing' | 'prevented' | 'busy';

/**
 * Takes the history back from a temporary database that was found sound: it becomes a snapshot of the program's own one,
 * which then is restored. The newest of the two wins, and the other stays: as a snapshot, or as `NAME.~1~`.
 *
 * @param lookOptions options of a look at the program's own database
 */
export async function takeBack(
  temporary: Temporary,
  mending: Mending,
  lookOptions: readonly string[],
): Promise<TakenBack> {
  const { run, log, path } = mending;
  const state = await stateOf(temporary.path);
  if (state === undefined || state === temporary.begun) {
    await removeTemporary(temporary);
    return 'nothing';
  }
  const own = (await stateOf(path)) ?? MISSING;
  const isNewest = own === MISSING || own === temporary.ownBefore || (await isNewer(temporary.path, path));
  const look = await lookAt(run, temporary.path, [...lookOptions, `--snapshot-for=${path}`]);
  const details = { path, temporary: temporary.path };
  if (look.verdict !== 'clean' || look.snapshot === null) {
    const why = look.snapshotTrouble ?? look.what;
    const message = `${path}: its history since then stays in ${temporary.path}: ${why}`;
    log({ level: 'warning', event: 'not-taken-back', message, details, hourly: true });
    return look.verdict === 'clean' ? 'prevented' : 'busy';
  }
  const { id, poor } = look.snapshot;
  if (!isNewest || poor !== null) {
    const why = poor ?? 'the file was written to since';
    const message = `${path}: what was stored in ${temporary.path} is kept as the snapshot ${id}, and not taken back: ${why}`;
    log({ level: 'warning', event: 'not-taken-back', message, details });
    await removeTemporary(temporary);
    return 'kept';
  }
  const restored = await restore({ ...look, id }, { ...look, state: own }, mending);
  if (restored !== 'restored') return restored === 'busy' ? 'busy' : 'prevented';
  const message = `${path}: its history is taken back from ${temporary.path}, which is removed`;
  log({ level: 'warning', event: 'taken-back', message, details });
  await removeTemporary(temporary);
  return 'taken';
}

async function isNewer(one: string, other: string): Promise<boolean> {
  return (await stat(one)).mtimeMs > (await stat(other)).mtimeMs;
}

/** Leaves a temporary database that is beyond repair where it is; later runs do not find it. */
export async function forgetTemporary({ folder, path }: Temporary, { log }: Mending): Promise<void> {
  await unlink(join(folder, ORIGIN)).catch(() => {});
  const message = `${path}: nothing could be done for this temporary database; it is not looked at again`;
  log({ level: 'error', event: 'temporary-lost', message, details: { path } });
}

/** Removes a temporary database with its folder. */
async function removeTemporary({ folder }: Temporary): Promise<void> {
  await rm(folder, { recursive: true, force: true }).catch(() => {});
}
