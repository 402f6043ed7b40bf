import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { RefusedError } from '../replace/errors.js';
import { leadsTo } from './realpath.js';

/** Says in a folder that was named by hand whose snapshots are in it. */
const OWNER = '.database';

/**
 * Sees to it that a named folder is used for one database only, told by the file's name: with two of them, one
 * would push out the snapshots of the other, and be restored as the other.
 *
 * @throws RefusedError where it is another one's, or NodeJS.ErrnoException
 */
export async function requireOwnFolder(folder: string, dbPath: string): Promise<void> {
  const name = basename(await leadsTo(dbPath));
  const path = join(folder, OWNER);
  const owner = await ownerOf(path);
  if (owner === name) return;
  if (owner !== '') {
    throw new RefusedError(
      'exists',
      `${folder}: expected a folder for the snapshots of ${name}, found those of ${owner} in it. ` +
        `Name another folder with --snapshots DIR; or, if the database was renamed, remove ${path}.`,
    );
  }
  const { O_WRONLY, O_CREAT, O_NOFOLLOW } = constants;
  const file = await open(path, O_WRONLY | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    await file.writeFile(`${name}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Empty where nobody's name is there yet, or a crash kept it from getting there. */
async function ownerOf(path: string): Promise<string> {
  try {
    return (
      await readFile(path, { encoding: 'utf8', flag: constants.O_RDONLY | constants.O_NOFOLLOW })
    ).replace(/\n$/, '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
