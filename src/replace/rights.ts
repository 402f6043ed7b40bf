import type { Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { Acl } from './acl.js';
import { aclOf, isPresent, setAcl } from './acl.js';

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
