import type { Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RefusedError } from './errors.js';
import { PROGRAM_FD, realPathOf, runProgram } from './held.js';

/**
 * The POSIX access control list of a file: its entries in the form of `getfacl`; `unreadable` if there is one whose entries
 * no installed program can print; `unknown` if no installed program can tell.
 */
type Acl = 'none' | 'unreadable' | 'unknown' | { readonly entries: string };

function isPresent(acl: Acl): boolean {
  return acl === 'unreadable' || typeof acl === 'object';
}

/** A path to the open file that does not depend on its name, which may lead elsewhere by now. */
const OPEN_FILE = `/proc/self/fd/${PROGRAM_FD}`;

/** With `--skip-base` a file with rights for only owner, group and others prints nothing. */
const GETFACL = ['--access', '--numeric', '--omit-header', '--no-effective', '--skip-base', '-p', OPEN_FILE];

/** GNU's ls marks a file with an ACL by a plus after its mode. Other versions reject `--time-style`. */
const LS = ['-ldnL', '--time-style=+', OPEN_FILE];
const LS_LINE = /^[-d][-rwxsStT]{9}([+.@ ])/;

/**
 * Reads the ACL of an open file. Node reads no extended attributes, so `getfacl` does it; without it GNU's `ls` says at
 * least whether there is one.
 */
export async function aclOf({ fd }: FileHandle): Promise<Acl> {
  // On other systems an ACL does not change the meaning of the group's permission bits.
  if (process.platform !== 'linux') return 'none';
  const entries = await outputOf('getfacl', GETFACL, fd);
  if (entries !== undefined) return entries.trim() === '' ? 'none' : { entries };
  const mark = LS_LINE.exec((await outputOf('ls', LS, fd)) ?? '')?.[1];
  return mark === undefined ? 'unknown' : mark === '+' ? 'unreadable' : 'none';
}

/** Gives an open file an ACL, which includes its permission bits; false where that is not possible. */
async function setAcl({ fd }: FileHandle, entries: string): Promise<boolean> {
  return (await outputOf('setfacl', ['--set-file=-', OPEN_FILE], fd, entries)) !== undefined;
}

/** Runs a program and returns its output; undefined if it is missing or fails. */
async function outputOf(
  program: string,
  args: readonly string[],
  fd: number,
  input?: string,
): Promise<string | undefined> {
  const ended = await runProgram(program, args, fd, input).catch(() => undefined);
  return ended === undefined || ended === 'missing' || ended.code !== 0 ? undefined : ended.stdout;
}

/** Owner and permission bits for a file. */
export type Rights = Pick<Stats, 'uid' | 'gid' | 'mode'>;

/**
 * Permission bits that are handed on. A database needs no set-user-ID, set-group-ID or sticky bit, and another user's bytes
 * with such a bit would be a program that acts for this user.
 */
const PERMISSIONS = 0o777;
const OWNERS = 0o700;
const GROUP_AND_OTHERS = 0o077;

/** An ACL without rights for anybody but the owner. */
const PRIVATE = 'user::rw-\ngroup::---\nother::---\n';

/**
 * Gives an open file, which only its owner can use so far, the owner and permissions of another one. If something cannot be
 * handed on, the file gets fewer rights: nobody can ever read or write it who could not do so with the other one.
 *
 * 1. Owner and group, as far as this process may. They come first, so that a wrong group never has rights.
 * 2. The ACL of the other file, or none; the folder may have given the file one.
 * 3. The permission bits, unless the ACL includes them.
 *
 * @param name the subject of a note's sentence, such as `The new file`
 * @param original the open file whose ACL is handed on
 * @returns notes on what could not be handed on
 * @throws NodeJS.ErrnoException
 */
export async function giveRights(
  file: FileHandle,
  rights: Rights,
  name: string,
  original?: FileHandle,
): Promise<string[]> {
  const { owned, grouped } = await giveOwner(file, rights);
  const wanted = rights.mode & PERMISSIONS;
  const notes = owned
    ? []
    : [
        `${name} could not be given the owner ${rights.uid}:${rights.gid}. ` +
          `If its program cannot open it: chown ${rights.uid}:${rights.gid}.`,
      ];
  const bits = grouped ? wanted : withoutGroup(wanted);
  if (bits !== wanted) {
    notes.push(
      `${name} could not be given the group ${rights.gid}. So that no other group gains rights its mode is ` +
        `${octal(bits)}, not ${octal(wanted)}.`,
    );
  }
  if ((bits & GROUP_AND_OTHERS) === 0) {
    // The bits limit an ACL, too: nobody but the owner has any rights, whatever its entries say.
    await file.chmod(bits);
    return notes;
  }
  const acl = original === undefined ? 'none' : await aclOf(original);
  if (grouped && typeof acl === 'object' && (await setAcl(file, acl.entries))) return notes;
  const inherited = await aclOf(file);
  const cleared = inherited === 'none' || (await setAcl(file, PRIVATE));
  const given = bitsWithoutAcl(bits, acl, cleared ? 'none' : inherited);
  await file.chmod(given);
  if (given !== bits) notes.push(whyNarrower(name, given, bits, acl, inherited));
  return notes;
}

/**
 * Permission bits of a folder or file, without the group's if there may be an ACL: then they are the limit of the ACL, not
 * the rights of the group.
 */
export async function groupsOwnBits(handle: FileHandle, mode: number): Promise<number> {
  return bitsWithoutAcl(mode & PERMISSIONS, await aclOf(handle), 'none');
}

/**
 * The bits for a file that cannot get the ACL that another one has or may have.
 *
 * @param inherited the ACL that the file got from its folder and keeps
 */
function bitsWithoutAcl(bits: number, acl: Acl, inherited: Acl): number {
  // Bits cannot express to whom an ACL grants rights, nor to whom it denies what others have.
  if (isPresent(acl) || isPresent(inherited)) return bits & OWNERS;
  return acl === 'unknown' || inherited === 'unknown' ? withoutGroup(bits) : bits;
}

/** Gives group and others the rights that both have, so that membership of the group makes no difference. */
function withoutGroup(bits: number): number {
  const both = (bits >> 3) & bits & 0o7;
  return (bits & OWNERS) | (both << 3) | both;
}

function whyNarrower(name: string, given: number, bits: number, acl: Acl, inherited: Acl): string {
  const mode = `its mode is ${octal(given)}, not ${octal(bits)}`;
  if (isPresent(acl)) {
    return `${name} could not be given the access control list (ACL) of the file, so that ${mode}. Install getfacl and setfacl (package acl) to keep it.`;
  }
  if (isPresent(inherited)) {
    return `${name} got an access control list (ACL) from its folder, which would give others rights, so that ${mode}. Install setfacl (package acl) to be rid of it.`;
  }
  return `${name} may need an access control list (ACL) that cannot be seen without getfacl (package acl), so that ${mode}. If the file had none: chmod ${octal(bits)}.`;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

/** Gives a file its owner and group, or only the group: a user may hand a file to his own groups. */
async function giveOwner(
  file: FileHandle,
  { uid, gid }: Rights,
): Promise<{ owned: boolean; grouped: boolean }> {
  const now = await file.stat();
  if (now.uid !== uid || now.gid !== gid) {
    await file
      .chown(uid, gid)
      .catch(() => file.chown(now.uid, gid))
      .catch(() => {});
  }
  const then = await file.stat();
  const grouped = then.gid === gid;
  return { owned: then.uid === uid && grouped, grouped };
}

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
