import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { link, open, rename, stat, unlink } from 'node:fs/promises';
import { fileSource } from '../source/file.js';
import { readChunks } from '../source/source.js';
import { RefusedError, refusal } from './errors.js';
import type { HeldFile } from './held.js';
import { holdFile, requireState, stateOf } from './held.js';
import { giveRights } from './rights.js';

/** Limit for a folder that answers EEXIST for ever. */
const MAX_BACKUPS = 100_000;

/** Names of backups as gdbmtool gives them: `NAME.~1~`, `NAME.~2~` and so on. */
export function* backupNames(path: string): Generator<string> {
  for (let n = 1; n <= MAX_BACKUPS; n++) yield `${path}.~${n}~`;
  throw new RefusedError(
    'exists',
    `${path}: expected a free name, found ${path}.~1~ to .~${MAX_BACKUPS}~ taken.`,
  );
}

/** A backup that was made. */
interface Backup {
  readonly path: string;
  /** Notes for the operator. */
  readonly notes: readonly string[];
}

/**
 * Gives the held file a second name, the first free one of {@link backupNames}. A hard link costs nothing and cannot be
 * half-done; where there are no hard links, a copy is made, synced and compared.
 *
 * @param how `copy` if the file's contents will be replaced: a second name would show the new contents too
 * @throws RefusedError
 */
export async function makeBackup(held: HeldFile, how: 'link-or-copy' | 'copy'): Promise<Backup> {
  for (const path of backupNames(held.realPath)) {
    if (how === 'link-or-copy') {
      const linked = await tryLink(held, path);
      if (linked === 'linked') return { path, notes: [] };
      if (linked === 'taken') continue;
    }
    const copied = await copyBackup(held, path);
    if (copied !== undefined) return copied;
  }
  throw new Error('unreachable: the names end with an error');
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

/** @returns undefined if the name is taken */
async function copyBackup(held: HeldFile, path: string): Promise<Backup | undefined> {
  let copy: FileHandle;
  try {
    copy = await open(path, 'wx+', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw refusal(error, held.path, 'make a backup beside it');
  }
  try {
    // By the descriptor: the name may lead elsewhere by now.
    const source = await fileSource(held.handle);
    for await (const piece of readChunks(source, 0, source.size)) await copy.writeFile(piece);
    const notes = await giveRights(copy, held.stats, 'The backup', held.handle);
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

/** Result of {@link setAside} if another process uses the file or wrote to it; the file keeps its name. */
export const IN_USE = Symbol('in use');

/**
 * Renames a file to the first free one of {@link backupNames}, so that its program makes a new one. A program that has the
 * file open would go on with the renamed one and lose what it saves there. So only a file that nobody holds, and that is
 * unchanged since the look, is renamed.
 *
 * @param seen the state at the last look, empty if it saw none; and whether another process was seen to have the file open,
 *   which matters if the file cannot be locked
 * @returns the new name
 * @throws NodeJS.ErrnoException the file keeps its name
 */
export async function setAside(
  path: string,
  { state, inUse }: { readonly state: string; readonly inUse: boolean },
): Promise<string | typeof IN_USE> {
  let held: HeldFile | undefined;
  try {
    held = await holdFile(path);
    await requireState(held, state === '' ? undefined : state);
  } catch (error) {
    const busy = error instanceof RefusedError && (error.code === 'locked' || error.code === 'changed');
    // A file that cannot be locked must at least be unchanged.
    if (busy || inUse || (state !== '' && (await stateOf(path)) !== state)) {
      await held?.release();
      return IN_USE;
    }
  }
  try {
    await setJournalsAside(path);
    return await moveAside(path);
  } finally {
    await held?.release();
  }
}

/** The first bytes of SQLite's journals NAME-wal and NAME-journal. */
const JOURNALS = /^(377f068[23]|d9d505f920a163d7)/;

/**
 * Renames the journals that a killed program left beside an SQLite database: SQLite would write them into the file that
 * takes its name.
 *
 * @returns a note for each
 * @throws NodeJS.ErrnoException
 */
export async function setJournalsAside(realPath: string): Promise<string[]> {
  const notes: string[] = [];
  for (const path of [`${realPath}-wal`, `${realPath}-journal`]) {
    const head = await firstBytes(path);
    if (head !== undefined && JOURNALS.test(head))
      notes.push(`The journal ${path} was of the file before; it is ${await moveAside(path)} now.`);
  }
  return notes;
}

/** The first 8 bytes of a file in hexadecimal; undefined if there is no file. */
async function firstBytes(path: string): Promise<string | undefined> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    () => {},
  );
  if (handle === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(8), 0, 8, 0);
    return buffer.subarray(0, bytesRead).toString('hex');
  } finally {
    await handle.close();
  }
}

/**
 * Renames a file to the first free one of {@link backupNames}.
 *
 * @returns the new name
 * @throws NodeJS.ErrnoException the file keeps its name
 */
export async function moveAside(path: string): Promise<string> {
  for (const name of backupNames(path)) {
    try {
      // A link fails if the name is taken; a rename would replace the file there.
      await link(path, name);
      await unlink(path);
      return name;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') continue;
      if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
      // No hard links here: a time makes the name unique enough.
      const late = `${path}.${Date.now()}~`;
      await rename(path, late);
      return late;
    }
  }
  throw new Error('unreachable: the names end with an error');
}
