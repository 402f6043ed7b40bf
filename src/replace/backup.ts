import type { FileHandle } from 'node:fs/promises';
import { link, open, stat, unlink } from 'node:fs/promises';
import { equalBytes } from '../format/bytes.js';
import { fileSource } from '../source/file.js';
import { readChunks } from '../source/source.js';
import { RefusedError, refusal } from './errors.js';
import { giveRights } from './rights.js';
import type { HeldFile } from './target.js';

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
    if (other.done || !equalBytes(piece, other.value)) throw differ(`from offset ${at} on`);
    at += piece.length;
  }
}
