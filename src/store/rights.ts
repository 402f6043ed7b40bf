import type { Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { refusal } from './errors.js';
import type { FreshFile } from './fresh.js';
import type { HeldFile } from './held.js';
import { PROGRAM_FD, runProgram } from './lock.js';

/**
 * The POSIX access control list of a file, as far as it can be seen: its entries in the form of `getfacl`; `unreadable`
 * where there is one whose entries no program can tell; `unknown` where no program can tell whether there is one.
 */
export type Acl = 'none' | 'unreadable' | 'unknown' | { readonly entries: string };

export function isPresent(acl: Acl): boolean {
  return acl === 'unreadable' || typeof acl === 'object';
}

/** The open file by a path that leads to it whatever its name leads to by now. */
const OPEN_FILE = `/proc/self/fd/${PROGRAM_FD}`;

/** With `--skip-base` a file that has nothing but owner, group and others gives no line. */
const GETFACL = ['--access', '--numeric', '--omit-header', '--no-effective', '--skip-base', '-p', OPEN_FILE];

/** GNU's ls marks a file with an ACL by a plus behind its mode; others do not know `--time-style`, and refuse. */
const LS = ['-ldnL', '--time-style=+', OPEN_FILE];
const LS_LINE = /^[-d][-rwxsStT]{9}([+.@ ])/;

/**
 * The ACL of an open file. Node reads no extended attributes, so a program is asked: `getfacl`, or else GNU's `ls`, which
 * only tells whether there is one.
 */
export async function aclOf({ fd }: FileHandle): Promise<Acl> {
  // Elsewhere an ACL does not change what the group's permission bits mean.
  if (process.platform !== 'linux') return 'none';
  const told = await ask('getfacl', GETFACL, fd);
  if (told !== undefined) return told.trim() === '' ? 'none' : { entries: told };
  const mark = LS_LINE.exec((await ask('ls', LS, fd)) ?? '')?.[1];
  return mark === undefined ? 'unknown' : mark === '+' ? 'unreadable' : 'none';
}

/** Gives an open file an ACL, and with it its permission bits; false where that is not possible. */
export async function setAcl({ fd }: FileHandle, entries: string): Promise<boolean> {
  return (await ask('setfacl', ['--set-file=-', OPEN_FILE], fd, entries)) !== undefined;
}

/** What a program prints; undefined where it is missing or fails. */
async function ask(
  program: string,
  args: readonly string[],
  fd: number,
  input?: string,
): Promise<string | undefined> {
  const ended = await runProgram(program, args, fd, input).catch(() => undefined);
  return ended === undefined || ended === 'missing' || ended.code !== 0 ? undefined : ended.stdout;
}

/** Owner and permission bits that a file is to have. */
export type Rights = Pick<Stats, 'uid' | 'gid' | 'mode'>;

/**
 * The bits of a mode that a file is given. A database has no use for the set-user-ID, set-group-ID and sticky bits, and
 * bytes of another user that got them would be a program that acts for this one.
 */
const PERMISSIONS = 0o777;
const OWNERS = 0o700;
const GROUP_AND_OTHERS = 0o077;

/** An ACL that gives nobody but the owner anything. */
const PRIVATE = 'user::rw-\ngroup::---\nother::---\n';

/** Where a file gets its rights from, and what notes call it. */
export interface Giving {
  /** The open file whose rights they are: its ACL is handed on. */
  readonly original?: FileHandle;
  /** The beginning of a note's sentence, such as `The new file`. */
  readonly name: string;
}

/**
 * Gives an open file, which only its owner can use so far, owner and permissions of another one. Where something
 * cannot be handed on the file gets less: it is never readable or writable by anyone who could not use the other one so.
 *
 * 1. Owner and group, as far as this process may. It comes first, so that at no moment a wrong group has rights.
 * 2. The ACL of the other file, or none; the folder may have given the file one.
 * 3. The permission bits, if there is no ACL that has them.
 *
 * @returns notes on what could not be handed on
 * @throws NodeJS.ErrnoException
 */
export async function giveRights(
  file: FileHandle,
  rights: Rights,
  { original, name }: Giving,
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
    // These bits are an ACL's limit, too: nobody but the owner has anything, whatever entries it has.
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
 * Permission bits of a folder or file, without the group's if an ACL could be behind them: those are its limit, and not
 * what its group has.
 */
export async function groupsOwnBits(handle: FileHandle, mode: number): Promise<number> {
  return bitsWithoutAcl(mode & PERMISSIONS, await aclOf(handle), 'none');
}

/**
 * The bits for a file without the ACL that another one has or may have.
 *
 * @param inherited the ACL that the file got from its folder, and keeps
 */
function bitsWithoutAcl(bits: number, acl: Acl, inherited: Acl): number {
  // Who has rights by an ACL, and to whom it denies what others have, is not known or cannot be said by bits.
  if (isPresent(acl) || isPresent(inherited)) return bits & OWNERS;
  return acl === 'unknown' || inherited === 'unknown' ? withoutGroup(bits) : bits;
}

/** Gives group and others what both have, so that it makes no difference which of the two somebody belongs to. */
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

/** Gives a file its owner and group, or the group alone: a user may give a group of his own. */
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
 * Gives a fresh file the owner, permissions and ACL of the held one that it will replace.
 *
 * @returns notes for the operator
 * @throws RefusedError
 */
export async function dress(held: HeldFile, fresh: FreshFile): Promise<string[]> {
  try {
    const giving = { original: held.handle, name: 'The new file' };
    const notes = await giveRights(fresh.handle, held.stats, giving);
    await fresh.sync();
    return notes;
  } catch (error) {
    throw refusal(error, held.path, 'give the fresh file its mode');
  }
}
