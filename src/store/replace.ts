import { link, lstat, open, readdir, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileSource } from '../source/file.js';
import type { Source } from '../source/source.js';
import { abortable, readChunks } from '../source/source.js';
import { makeBackup, requireSame } from './backup.js';
import { refusal, RefusedError } from './errors.js';
import { FreshFile, freshPath, writeAll } from './fresh.js';
import type { HeldFile } from './held.js';
import { holdFile, isStillNamed, requireUnchanged } from './held.js';
import type { Rights } from './rights.js';
import { giveRights } from './rights.js';

/** Result of replacing a file. */
interface Replaced {
  /** Path of the old file; undefined where no backup was wanted. */
  readonly backup: string | undefined;
  /** Notes for the operator. */
  readonly notes: readonly string[];
}

/**
 * Hands owner, permissions and ACL of a held file on to the fresh one.
 *
 * @returns notes for the operator
 * @throws RefusedError
 */
async function handOnRights(held: HeldFile, fresh: FreshFile): Promise<string[]> {
  try {
    const notes = await giveRights(fresh.handle, held.stats, 'The new file', held.handle);
    await fresh.sync();
    return notes;
  } catch (error) {
    throw refusal(error, held.path, 'give the fresh file its mode');
  }
}

/**
 * Puts a fresh file, synced and verified, in the place of the held one:
 *
 * 1. The fresh file gets the owner, permissions and ACL of the held one, and is synced.
 * 2. The held file must be unchanged. It gets its backup name, beside the name it has.
 * 3. The fresh file takes the name in one step: after a crash at any time the name leads to a whole file.
 * 4. Other names of the file in its folder are moved to the fresh one, too.
 * 5. The folder is synced, so that a power loss does not undo the rename.
 *
 * A file that is mounted by itself cannot be renamed over. Its contents are replaced instead, once the backup is on the
 * disk, and compared.
 *
 * @param during the work since the file was held, such as `the repair`
 * @throws RefusedError; the held file is unchanged
 */
export async function replaceFile(
  held: HeldFile,
  fresh: FreshFile,
  during: string,
  wantBackup = true,
): Promise<Replaced> {
  const notes = await handOnRights(held, fresh);
  await requireUnchanged(held, during);
  const replaced = await takeName(held, fresh, wantBackup);
  notes.push(...replaced.notes);
  if (held.isLink) {
    notes.push(`A symbolic link led to ${held.realPath}, which was replaced; the link is as it was.`);
  }
  return { backup: replaced.backup, notes };
}

async function takeName(held: HeldFile, fresh: FreshFile, wantBackup: boolean): Promise<Replaced> {
  const names = await otherNames(held);
  const backup = wantBackup ? await makeBackup(held, 'link-or-copy') : undefined;
  try {
    await rename(fresh.path, held.realPath);
  } catch (error) {
    // Nothing was replaced, so the backup is removed. But a network file system may have lost only the answer to a rename
    // that went through.
    if (backup !== undefined && (await isStillNamed(held))) await unlink(backup.path).catch(() => {});
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EBUSY' && code !== 'EXDEV') throw refusal(error, held.path, 'give the fresh file its name');
    return replaceContents(held, fresh, wantBackup);
  }
  fresh.keep();
  const notes = [...(backup?.notes ?? []), ...(await moveNames(names, held.realPath, held.stats))];
  await syncFolder(dirname(held.realPath));
  const elsewhere = held.stats.nlink - 1 - names.length;
  if (elsewhere > 0) {
    const others = elsewhere === 1 ? '1 other name' : `${elsewhere} other names`;
    notes.push(`The old file has ${others} (a backup or a hard link in another folder), which it keeps.`);
  }
  return { backup: backup?.path, notes };
}

async function replaceContents(held: HeldFile, fresh: FreshFile, wantBackup: boolean): Promise<Replaced> {
  if (!wantBackup) {
    throw new RefusedError(
      'io',
      `${held.path}: expected a file that can be renamed over, found one that is mounted by itself. ` +
        `Its contents are only replaced with a backup: leave out --no-backup, or use -o OUT.`,
    );
  }
  const backup = await makeBackup(held, 'copy');
  await syncFolder(dirname(held.realPath));
  await copyIntoPlace(held, fresh, backup.path);
  const notes = [
    ...backup.notes,
    'The file is mounted by itself, so its contents were replaced instead of its name.',
  ];
  return { backup: backup.path, notes };
}

/** Names of backups: `NAME.~1~`, and those of editors and `cp --backup`. */
const BACKUP = /~$/;

/**
 * The other names of a held file in its folder, without its backups. gdbm 1.8 makes an ndbm database `NAME.dir` a hard link of
 * `NAME.pag`, and cannot open the pair if they are two files.
 *
 * @returns full paths; a name in another folder cannot be found
 */
async function otherNames({ realPath, stats }: HeldFile): Promise<string[]> {
  if (stats.nlink === 1) return [];
  const folder = dirname(realPath);
  const found: string[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    if (name !== basename(realPath) && !BACKUP.test(name) && (await isNameOf(path, stats))) found.push(path);
  }
  return found;
}

/**
 * Moves names of the old file to the new one, each in one step: after a crash at any time each name leads to one of the two.
 *
 * @param path a name of the new file
 * @param old the old file; a name that leads elsewhere by now stays
 * @returns notes for the operator
 */
async function moveNames(names: readonly string[], path: string, old: HeldFile['stats']): Promise<string[]> {
  const notes: string[] = [];
  for (const name of names) {
    const temporary = freshPath(path);
    try {
      if (!(await isNameOf(name, old))) continue;
      await link(path, temporary);
      await rename(temporary, name);
      notes.push(`${name}, another name of the file, leads to the new one, too.`);
    } catch (error) {
      await unlink(temporary).catch(() => {});
      const why = (error as Error).message;
      notes.push(`${name}, another name of the file, still leads to it as it was: ${why}.`);
    }
  }
  return notes;
}

async function isNameOf(path: string, { dev, ino }: HeldFile['stats']): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found?.dev === dev && found.ino === ino;
}

/**
 * Gives a fresh file, synced and verified, a new name. A file that has the name is never replaced.
 *
 * @throws RefusedError
 */
export async function placeFile(fresh: FreshFile, path: string): Promise<void> {
  try {
    // A link fails if the name is taken; a rename would replace the file there.
    await link(fresh.path, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw refusal(error, path, 'make it');
    await renameToFreeName(fresh, path);
    return;
  }
  await syncFolder(dirname(resolve(path)));
}

/** For file systems without hard links: takes the name with an empty file of this process first. */
async function renameToFreeName(fresh: FreshFile, path: string): Promise<void> {
  try {
    await (await open(path, 'wx', 0o600)).close();
    await rename(fresh.path, path);
  } catch (error) {
    throw refusal(error, path, 'make it');
  }
  fresh.keep();
  await syncFolder(dirname(resolve(path)));
}

/** Overwrites the held file. Nothing may end this half-way, so the fresh file is read without its signal. */
async function copyIntoPlace(held: HeldFile, fresh: FreshFile, backup: string): Promise<void> {
  try {
    await overwrite(held, await fileSource(fresh.handle));
  } catch (error) {
    const restored = await restore(held, backup);
    const state = restored ? 'It was put back as it was' : `It is damaged now`;
    throw new RefusedError(
      'io',
      `${held.path}: its contents could not be replaced: ${(error as Error).message} ` +
        `${state}; the file as it was is also in ${backup}.`,
      { cause: error },
    );
  }
}

async function restore(held: HeldFile, backup: string): Promise<boolean> {
  try {
    const copy = await open(backup, 'r');
    try {
      await overwrite(held, await fileSource(copy));
      return true;
    } finally {
      await copy.close();
    }
  } catch {
    return false;
  }
}

async function overwrite(held: HeldFile, contents: Source): Promise<void> {
  let at = 0;
  for await (const piece of readChunks(contents, 0, contents.size)) {
    await writeAll(held.handle, at, piece);
    at += piece.length;
  }
  await held.handle.truncate(contents.size);
  await held.handle.sync();
  await requireSame(contents, await fileSource(held.handle), held.path);
}

/** Syncs a folder, on file systems that can. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  if (folder === undefined) return;
  await folder.sync().catch(() => {});
  await folder.close();
}

export interface PutOptions {
  /** Allows to replace an existing file, which stays as `NAME.~1~`. */
  readonly replace: boolean;
  /** Seconds to wait for another process that holds it. */
  readonly wait: number;
  readonly lock: boolean;
  readonly signal: AbortSignal;
}

/** Owner and mode for a new file; by default it belongs to this user and is private. */
export type WantedRights = Partial<Rights>;

/**
 * Makes a file: it is written beside its place under another name, filled and verified by `fill`, synced, and only then
 * named. An existing file is replaced only on request, under libgdbm's lock, and its owner and mode are handed on.
 *
 * @param fill writes the file and reads it back; it gets the file that will be replaced, if any, and returns the rights for a
 *   new one
 * @throws RefusedError or the error of `fill`; nothing was changed
 */
export async function putFile(
  path: string,
  { replace, wait, lock, signal }: PutOptions,
  fill: (fresh: FreshFile, held?: HeldFile) => Promise<WantedRights>,
): Promise<Replaced> {
  if (!(await isTaken(path))) return putNew(path, fill, signal);
  if (!replace) {
    throw new RefusedError(
      'exists',
      `${path}: expected no such file, found one. Name another, or add --replace: it stays as ${path}.~1~.`,
    );
  }
  const held = await holdFile(path, { lock, wait, signal });
  try {
    const fresh = await FreshFile.createBeside(held.realPath, signal);
    try {
      await fill(fresh, held);
      return await replaceFile(held, fresh, 'the work');
    } finally {
      await fresh.close();
    }
  } finally {
    await held.release();
  }
}

/** A source that reads a fresh file back; small reads are faster than those of the fresh file itself. */
export async function readBack({ handle }: FreshFile, signal: AbortSignal): Promise<Source> {
  return abortable(await fileSource(handle), signal);
}

async function putNew(
  path: string,
  fill: (fresh: FreshFile) => Promise<WantedRights>,
  signal: AbortSignal,
): Promise<Replaced> {
  const fresh = await FreshFile.createBeside(path, signal);
  try {
    const wanted = await fill(fresh);
    const now = await fresh.handle.stat();
    const { uid = now.uid, gid = now.gid, mode = now.mode } = wanted;
    const notes = await giveRights(fresh.handle, { uid, gid, mode }, 'The new file');
    await fresh.sync();
    await placeFile(fresh, path);
    return { backup: undefined, notes };
  } finally {
    await fresh.close();
  }
}

/**
 * Gives a fresh database, synced and verified, the place of the held file, or the free name that the user gave, with the
 * held file's owner and mode.
 *
 * @param during names the work in an error's text, such as `the repair`
 * @throws RefusedError; the held file is as it was
 */
export async function placeFresh(
  held: HeldFile,
  fresh: FreshFile,
  { output, backup = true }: { readonly output?: string | undefined; readonly backup?: boolean | undefined },
  during: string,
): Promise<Replaced & { readonly output: string }> {
  if (output !== undefined) {
    const notes = await handOnRights(held, fresh);
    await placeFile(fresh, output);
    return { output, backup: undefined, notes };
  }
  return { output: held.realPath, ...(await replaceFile(held, fresh, during, backup)) };
}

/** Refuses a name that is taken before the work begins, not at its end. */
export async function requireFree(path: string): Promise<void> {
  if (await isTaken(path)) throw refusal({ code: 'EEXIST' }, path, 'make it');
}

async function isTaken(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}
