import { constants } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { RefusedError } from '../replace/errors.js';
import { leadsTo } from './realpath.js';

/** Says in a folder that was named by hand whose snapshots are in it. */
const OWNER = '.database';

/** A folder that is beside a database for its snapshots has the name of the database in its own. */
const BESIDE = /^\.(.+)\.snapshots$/s;

/** Whose snapshots are in a folder. */
export interface Owner {
  readonly name: string;
  /** Where the database was when the last snapshot was taken; undefined where only its name was written down. */
  readonly path: string | undefined;
}

/**
 * Sees to it that a named folder is used for one database only: with two of them, one would push out the snapshots of
 * the other, and be restored as the other. Writes down whose it is, and where that is now.
 *
 * @throws RefusedError where it is another one's, or NodeJS.ErrnoException
 */
export async function requireOwnFolder(folder: string, dbPath: string): Promise<void> {
  const owner = await ownerOf(folder);
  const path = await leadsTo(dbPath);
  const name = basename(path);
  if (owner !== undefined && !(await isOwn(owner, path))) {
    throw new RefusedError(
      'exists',
      `${folder}: expected a folder for the snapshots of ${path}, found those of ${nameOf(owner)} in it. ` +
        'Name another folder with --snapshots DIR; or, if the database was renamed, ' +
        `remove ${join(folder, OWNER)}.`,
    );
  }
  if (owner?.path === path && owner.name === name) return;
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(join(folder, OWNER), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK, 0o600);
  try {
    await file.writeFile(`${JSON.stringify({ name, path })}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * The other database whose snapshots a named folder holds; undefined where they are this one's, or nobody's.
 *
 * @throws NodeJS.ErrnoException
 */
export async function otherOwner(folder: string, dbPath: string): Promise<Owner | undefined> {
  const owner = await ownerOf(folder);
  if (owner === undefined || (await isOwn(owner, await leadsTo(dbPath)))) return undefined;
  return owner;
}

/** What to call a database by in a message. */
export function nameOf({ name, path }: Owner): string {
  return path ?? name;
}

/**
 * Whether an owner is the database at a path. One that was moved, or is seen by another path from another container,
 * has its old name and is not where it was; of two databases of one name the other one is still there.
 *
 * @param path where the database is, all links followed
 */
async function isOwn({ name, path: recorded }: Owner, path: string): Promise<boolean> {
  if (name !== basename(path)) return false;
  if (recorded === undefined || recorded === path) return true;
  const there = await identity(recorded);
  return there === undefined || there === (await identity(path));
}

/** Device and inode, undefined where no file is; a file that may not be looked at is one all the same. */
async function identity(path: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : `${path}: ${code}`;
  }
}

/** Undefined where nobody's name is there yet, or a crash kept it from getting there. */
async function ownerOf(folder: string): Promise<Owner | undefined> {
  let text = '';
  try {
    const flag = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    text = (await readFile(join(folder, OWNER), { encoding: 'utf8', flag })).replace(/\n$/, '');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
  }
  if (text !== '') return parseOwner(text);
  const name = BESIDE.exec(basename(folder))?.[1];
  return name === undefined ? undefined : { name, path: join(dirname(folder), name) };
}

/** Once only the name was written down, as it is. */
function parseOwner(text: string): Owner {
  try {
    const { name, path } = JSON.parse(text) as Partial<Owner>;
    if (typeof name === 'string' && typeof path === 'string') return { name, path };
  } catch {
    // A name.
  }
  return { name: text, path: undefined };
}
