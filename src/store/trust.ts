import type { Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RefusedError } from './errors.js';
import { realPathOf } from './held.js';
import { aclOf, isPresent } from './rights.js';

/**
 * The users who can write a database anyway. Programs load the contents of a database, so a snapshot is restored only if
 * nobody else can have written it.
 */
export interface Writers {
  /** User IDs: this process's own, root, and the owner of the database, or of the folder if there is no database. */
  readonly owners: readonly number[];
  /** Group IDs whose members can write the database, or put another file in its place. */
  readonly groups: readonly number[];
  /** True if all users can write the database, or make one if there is none. */
  readonly everybody: boolean;
}

/** A folder or file of snapshots that is not used. */
export interface Untrusted {
  readonly path: string;
  readonly why: string;
}

const GROUP_WRITE = 0o020;
const OTHERS_WRITE = 0o002;
/** In a folder with this bit only a file's owner can put another file in its place. */
const STICKY = 0o1000;

export async function writersOf(dbPath: string): Promise<Writers> {
  const path = await realPathOf(dbPath).catch(() => undefined);
  const database = path === undefined ? undefined : await statOf(path);
  const folder = path === undefined ? undefined : await statOf(dirname(path));
  const own = process.geteuid?.();
  const owner = (database ?? folder)?.uid;
  return {
    owners: [own, 0, owner].filter((uid) => uid !== undefined),
    groups: [database, folder].filter((one) => canWrite(one, GROUP_WRITE)).map((one) => one!.gid),
    everybody: canWrite(database ?? folder, OTHERS_WRITE),
  };
}

function statOf(path: string): Promise<Stats | undefined> {
  return stat(path).catch(() => undefined);
}

function canWrite(stats: Stats | undefined, bit: number): boolean {
  if (stats === undefined || (stats.mode & bit) === 0) return false;
  return stats.isFile() || (stats.mode & STICKY) === 0;
}

/** Says why a folder or file of snapshots is not used, by its owner and mode; undefined if it is used. */
export function whyUntrusted({ uid, gid, mode }: Stats, writers: Writers): string | undefined {
  // Windows has no user IDs to compare.
  if (process.geteuid === undefined) return undefined;
  if (!writers.owners.includes(uid)) {
    return `it belongs to user ${uid}, who is neither the user that asks nor the database's owner`;
  }
  if ((mode & OTHERS_WRITE) !== 0 && !writers.everybody) return 'every user can write to it';
  if ((mode & GROUP_WRITE) !== 0 && !writers.groups.includes(gid)) {
    return `group ${gid} can write to it, which cannot write the database`;
  }
  return undefined;
}

/**
 * Refuses an open folder or file of snapshots that others than the database's writers can have written. It looks at the
 * descriptor, because the name may lead elsewhere by now.
 *
 * @throws RefusedError `not-trusted`
 */
export async function requireTrusted(handle: FileHandle, path: string, writers: Writers): Promise<void> {
  const stats = await handle.stat();
  let why = whyUntrusted(stats, writers);
  // With an ACL the group's bit may stand for users whom only the ACL names.
  if (why === undefined && (stats.mode & GROUP_WRITE) !== 0 && isPresent(await aclOf(handle)))
    why = 'an access control list (ACL) lets others than its owner write to it';
  if (why !== undefined) throw untrustedError({ path, why }, stats.isDirectory());
}

export function untrustedError({ path, why }: Untrusted, isFolder: boolean): RefusedError {
  const what = isFolder ? 'the snapshots in this folder are' : 'this snapshot is';
  const all = isFolder ? ' -R' : '';
  return new RefusedError(
    'not-trusted',
    `${path}: ${what} not used: ${why}, and could hold anything. Remove it; or, if you know where it comes from, ` +
      `give it to your user (chown${all}) and let nobody else write to it (chmod${all} go-w).`,
  );
}
