import { link, lstat, readdir, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { freshPath } from './fresh.js';
import type { HeldFile } from './target.js';

/** Names that backups have: `NAME.~1~`, and what editors and `cp --backup` leave. */
const BACKUP = /~$/;

/**
 * The other names of a held file in its folder, without its backups. gdbm 1.8 makes an ndbm database `NAME.dir` a hard link of
 * `NAME.pag`, and cannot open the pair if they are two files.
 *
 * @returns full paths; a name in another folder cannot be found
 */
export async function otherNames({ realPath, stats }: HeldFile): Promise<string[]> {
  if (stats.nlink === 1) return [];
  const folder = dirname(realPath);
  const found: string[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    if (name !== basename(realPath) && !BACKUP.test(name) && (await leadsTo(path, stats))) found.push(path);
  }
  return found;
}

/**
 * Makes names that led to the old file lead to the new one, each in one step: at any crash a name leads to one of the two.
 *
 * @param path a name of the new file
 * @param old the old file; a name that leads elsewhere by now is left alone
 * @returns notes for the operator
 */
export async function moveNames(
  names: readonly string[],
  path: string,
  old: HeldFile['stats'],
): Promise<string[]> {
  const notes: string[] = [];
  for (const name of names) {
    const temporary = freshPath(path);
    try {
      if (!(await leadsTo(name, old))) continue;
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

async function leadsTo(path: string, { dev, ino }: HeldFile['stats']): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found?.dev === dev && found.ino === ino;
}
