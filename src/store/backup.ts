import type { FileHandle } from 'node:fs/promises';
import { link, mkdtemp, open, rename, stat, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileSource } from '../source/file.js';
import { readChunks } from '../source/source.js';
import { refusal, RefusedError } from './errors.js';
import type { HeldFile } from './held.js';
import { fileState, holdFile, requireState } from './held.js';
import { giveRights } from './rights.js';

/** Nobody has so many backups; a folder that answers EEXIST for ever must not hang the tool. */
const MAX_BACKUPS = 100_000;

/** A backup that was made. */
export interface Backup {
  readonly path: string;
  /** What the operator should know of it. */
  readonly notes: readonly string[];
}

/**
 * Gives the held file a second name, `NAME.~1~`, `NAME.~2~` and so on as gdbmtool names backups: the first that is
 * free. A hard link costs nothing and cannot be half-done; where there are none, a copy is made, synced and
 * compared.
 *
 * @param how `copy` where the file's contents will be replaced: a second name would show the new contents too
 * @throws RefusedError
 */
export async function makeBackup(held: HeldFile, how: 'link-or-copy' | 'copy'): Promise<Backup> {
  for (let n = 1; n <= MAX_BACKUPS; n++) {
    const path = `${held.realPath}.~${n}~`;
    if (how === 'link-or-copy') {
      const linked = await tryLink(held, path);
      if (linked === 'linked') return { path, notes: [] };
      if (linked === 'taken') continue;
    }
    const copied = await copyBackup(held, path);
    if (copied !== undefined) return copied;
  }
  throw new RefusedError('exists', `${held.path}: expected a free backup name, found ${MAX_BACKUPS} taken.`);
}

async function tryLink(held: HeldFile, path: string): Promise<'linked' | 'taken' | 'impossible'> {
  try {
    await link(held.realPath, path);
    if ((await stat(path)).ino === held.stats.ino) return 'linked';
    await unlink(path);
    throw new RefusedError(
      'changed',
      `${held.path}: expected the file that was read, found another one under its name. Nothing was changed.`,
    );
  } catch (error) {
    if (error instanceof RefusedError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return 'taken';
    if (code === 'ENOENT' || code === 'ENOSPC' || code === 'EROFS')
      throw refusal(error, held.path, 'make a backup beside it');
    return 'impossible';
  }
}

/** @returns undefined where the name was taken meanwhile */
async function copyBackup(held: HeldFile, path: string): Promise<Backup | undefined> {
  let copy: FileHandle;
  try {
    copy = await open(path, 'wx+', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw refusal(error, held.path, 'make a backup beside it');
  }
  try {
    // From the open file, not from its name, which could lead elsewhere by now.
    const source = await fileSource(held.handle);
    for await (const piece of readChunks(source, 0, source.size)) await copy.writeFile(piece);
    const notes = await giveRights(copy, held.stats, { original: held.handle, name: 'The backup' });
    await copy.utimes(held.stats.atime, held.stats.mtime);
    await copy.sync();
    await requireSame(source, await fileSource(copy), path);
    return { path, notes };
  } catch (error) {
    await unlink(path).catch(() => {});
    throw refusal(error, held.path, 'copy it to a backup');
  } finally {
    await copy.close();
  }
}

/**
 * Compares two files byte for byte.
 *
 * @throws RefusedError where they differ
 */
export async function requireSame(
  expected: Awaited<ReturnType<typeof fileSource>>,
  found: Awaited<ReturnType<typeof fileSource>>,
  path: string,
): Promise<void> {
  const differ = (at: string) =>
    new RefusedError(
      'io',
      `${path}: expected the bytes that were written, found others ${at}. Check the disk.`,
    );
  if (expected.size !== found.size) throw differ(`(${found.size} bytes instead of ${expected.size})`);
  const others = readChunks(found, 0, found.size);
  let at = 0;
  for await (const piece of readChunks(expected, 0, expected.size)) {
    const other = await others.next();
    if (other.done || Buffer.compare(piece, other.value) !== 0) throw differ(`from offset ${at} on`);
    at += piece.length;
  }
}

/** Numbers tried for a name that is free. */
const MAX_NUMBER = 10_000;

/** Not set aside, because another process has the file or wrote to it. */
export const IN_USE = Symbol('in use');

/**
 * Sets a file aside under the first free name `NAME.~N~`, so that its program makes a new one. A program that has it
 * open would go on with the file that is set aside, and lose what it saves then: only a file that nobody holds, and
 * that is still what the look saw, is renamed.
 *
 * @param seen what the look saw it to be, empty where it saw nothing; and whether another process was seen to have it,
 *   which counts where the file cannot be locked
 * @returns the name
 * @throws NodeJS.ErrnoException the file is where it was
 */
export async function setAside(
  path: string,
  { state, inUse }: { readonly state: string; readonly inUse: boolean },
): Promise<string | typeof IN_USE> {
  let held: HeldFile | undefined;
  try {
    held = await holdFile(path, { lock: 'exclusive', wait: 0, noLock: false });
    await requireState(held, state === '' ? undefined : state);
  } catch (error) {
    const busy = error instanceof RefusedError && (error.code === 'locked' || error.code === 'changed');
    // Where it cannot be locked, it must at least be what was seen.
    if (busy || inUse || (state !== '' && (await stateOf(path)) !== state)) {
      await held?.release();
      return IN_USE;
    }
  }
  try {
    return await moveAside(path);
  } finally {
    await held?.release();
  }
}

async function stateOf(path: string): Promise<string | undefined> {
  const now = await stat(path, { bigint: true }).catch(() => undefined);
  return now && fileState(now);
}

async function moveAside(path: string): Promise<string> {
  for (let n = 1; n <= MAX_NUMBER; n++) {
    const name = `${path}.~${n}~`;
    try {
      // A link fails where the name is taken; a rename would replace what has it.
      await link(path, name);
      await unlink(path);
      return name;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') continue;
      if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
      // A file system without hard links: time makes the name new enough.
      const late = `${path}.${Date.now()}~`;
      await rename(path, late);
      return late;
    }
  }
  throw new Error(`expected a free name ${path}.~N~, found ${MAX_NUMBER} that are taken`);
}

/** A name for a database in a private folder of the temporary one, for a volume that cannot be written to. */
export async function temporaryDatabase(path: string): Promise<string> {
  return join(await mkdtemp(join(tmpdir(), 'gdbm-doctor-')), basename(path));
}
