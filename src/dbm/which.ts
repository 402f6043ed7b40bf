import { realpath, stat } from 'node:fs/promises';
import { shellPath } from '../report/escape.js';
import { openQuietly } from '../source/file.js';
import type { DbmKind } from './kind.js';
import { HEAD_BYTES, kindOfHead } from './kind.js';

/** The database that a name leads to. */
export interface FoundDbm {
  readonly kind: DbmKind;
  /**
   * The files that exist and belong together, the one with the records first. A copy needs all of them. Empty if there is
   * none.
   */
  readonly files: readonly string[];
}

/** A double or single quote: a line of an index of dbm.dumb begins with a string. */
const QUOTES = [0x22, 0x27];
/** Suffixes of a file of a pair, whose program uses the name without it. */
const SUFFIX = /\.(dat|dir|bak|pag)$/;

/**
 * Finds the database that a program opens by a name, in the order of Python's `dbm.whichdb`: NAME.pag with NAME.dir, a
 * Berkeley DB NAME.db, NAME.dat with NAME.dir, NAME itself. The name of a file of a pair leads to its pair. Reads a few
 * bytes, follows no pipe or device, and takes no lock.
 *
 * Differs from whichdb on purpose: a pair whose NAME.pag is a GDBM file is `gdbm`, because libgdbm made it; any GDBM file
 * counts, also of another machine; and a dbm.dumb without its index counts while NAME.bak is there.
 *
 * @throws NodeJS.ErrnoException if a file that is there cannot be read
 */
export async function whichDbm(name: string): Promise<FoundDbm> {
  const pair = await pairOf(name);
  if (pair !== undefined) return pair;
  const alone = await fileOf(name);
  if (SUFFIX.test(name) && (alone.kind === 'unknown' || alone.kind === 'none')) {
    const stem = await pairOf(name.replace(SUFFIX, ''));
    if (stem !== undefined) return stem;
  }
  if (alone.kind !== 'none') return alone;
  const unindexed = await allOf([`${name}.dat`, `${name}.bak`]);
  return unindexed && (await isIndex(`${name}.bak`)) ? { kind: 'dbm.dumb', files: unindexed } : alone;
}

/** A file that is a database, and whose name leads a program to other files. */
export interface Shadowed {
  readonly kind: DbmKind;
  /** The database that Python's dbm opens by the name. */
  readonly opened: FoundDbm;
}

/**
 * Finds the database that Python opens by the name of another database's file: NAME.dat with NAME.dir come before a GDBM
 * file NAME. Undefined if a program that opens the name gets the file.
 *
 * @throws NodeJS.ErrnoException if a file that is there cannot be read
 */
export async function shadowed(path: string): Promise<Shadowed | undefined> {
  const { kind } = await fileOf(path);
  if (kind === 'none' || kind === 'unknown') return undefined;
  const opened = await whichDbm(path);
  return opened.files.includes(path) ? undefined : { kind, opened };
}

/** Says which of two databases of one name Python opens, and how each can be named. */
export function twoDatabases(path: string, { kind, opened }: Shadowed): string {
  const [first] = opened.files;
  return (
    `two databases have this name: Python opens ${opened.files.join(' and ')} (${opened.kind}), not the file itself ` +
    `(${kind}), which may be older. For the first name ${shellPath(first)}; for the second: ` +
    `cp -i ${shellPath(path)} ${shellPath(`${path}.copy`)}, and name the copy.`
  );
}

/** The database of files that have a name with suffixes. */
async function pairOf(name: string): Promise<FoundDbm | undefined> {
  const [dir, pag, dat, bak, db] = ['.dir', '.pag', '.dat', '.bak', '.db'].map((suffix) => name + suffix);
  const ndbm = await allOf([pag, dir]);
  if (ndbm !== undefined) {
    const isGdbm = kindOfHead((await headOf(pag)) ?? new Uint8Array(0)) === 'gdbm';
    return { kind: isGdbm ? 'gdbm' : 'ndbm', files: ndbm };
  }
  const head = await headOf(db);
  if (head !== undefined && kindOfHead(head) === 'berkeley-db') return { kind: 'berkeley-db', files: [db] };
  const dumb = await allOf([dat, dir]);
  if (dumb === undefined || !(await isIndex(dir))) return undefined;
  return { kind: 'dbm.dumb', files: [...dumb, ...((await allOf([bak])) ?? [])] };
}

async function fileOf(name: string): Promise<FoundDbm> {
  const head = await headOf(name);
  if (head === undefined) return { kind: 'none', files: [] };
  const kind = kindOfHead(head) ?? 'unknown';
  if (kind !== 'dbm.sqlite3') return { kind, files: [name] };
  // SQLite keeps its journals beside the file that a symbolic link leads to.
  const real = await realpath(name);
  const journals = await Promise.all([`${real}-wal`, `${real}-journal`].map((path) => allOf([path])));
  return { kind, files: [name, ...journals.flatMap((path) => path ?? [])] };
}

/** These paths, if each is a file. */
async function allOf(paths: readonly string[]): Promise<readonly string[] | undefined> {
  for (const path of paths) if (!(await isFile(path))) return undefined;
  return paths;
}

/** True for an index of dbm.dumb, which is empty if the database is. */
async function isIndex(path: string): Promise<boolean> {
  const head = await headOf(path);
  return head !== undefined && (head.length === 0 || QUOTES.includes(head[0]));
}

/** The first bytes of a file; undefined if there is none, or if the disk cannot read them: a GDBM file is read around that. */
async function headOf(path: string): Promise<Uint8Array | undefined> {
  if (!(await isFile(path))) return undefined;
  const handle = await openQuietly(path);
  try {
    const head = new Uint8Array(HEAD_BYTES);
    const { bytesRead } = await handle.read(head, 0, HEAD_BYTES, 0);
    return head.subarray(0, bytesRead);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EIO') return undefined;
    throw error;
  } finally {
    await handle.close();
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG') return false;
    throw error;
  }
}
