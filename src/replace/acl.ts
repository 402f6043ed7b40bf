import type { FileHandle } from 'node:fs/promises';
import { PROGRAM_FD, runProgram } from './program.js';

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
