import type { Stats } from 'node:fs';
import { SourceError } from '../source/source.js';

/** Reason of a refusal; the file is unchanged. */
export type RefusalCode =
  | 'no-such-file'
  | 'is-directory'
  | 'not-a-file'
  | 'no-permission'
  | 'read-only'
  | 'no-space'
  | 'locked'
  | 'no-lock-program'
  | 'exists'
  | 'changed'
  | 'no-snapshot'
  | 'ambiguous'
  | 'another-database'
  | 'not-intact'
  | 'not-trusted'
  | 'io';

/** A refused step at the file system. The message names the path, the fault and the remedy. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';

  constructor(
    readonly code: RefusalCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const IS_DIRECTORY = 'expected a file, found a directory. Name the database file in it.';

/**
 * Refuses everything but a regular file: opening a pipe or a device can block for ever.
 *
 * @throws RefusedError
 */
export function requireRegularFile(path: string, stats: Stats): void {
  if (stats.isDirectory()) throw new RefusedError('is-directory', `${path}: ${IS_DIRECTORY}`);
  if (!stats.isFile()) {
    throw new RefusedError('not-a-file', `${path}: expected a regular file, found a device, pipe or socket.`);
  }
}

/** Code and sentence of each error of the file system; `DOING` stands for the refused step. */
const REFUSALS: Readonly<Record<string, readonly [RefusalCode, string]>> = {
  ENOENT: ['no-such-file', 'expected a file, found none. Check the path and that its volume is mounted.'],
  EISDIR: ['is-directory', IS_DIRECTORY],
  ENOTDIR: ['no-such-file', 'a part of the path is not a directory. Check the path.'],
  ELOOP: ['no-such-file', 'the symbolic links lead in a circle. Check where they point.'],
  EACCES: [
    'no-permission',
    'no permission to DOING. Run as the owner of the file and its folder, or chown them.',
  ],
  EROFS: [
    'read-only',
    'the file system is read-only, cannot DOING. Remount it writable, or write to another volume.',
  ],
  ENOSPC: [
    'no-space',
    'no space left to DOING. Free about as much as the file is large, or write to another volume.',
  ],
  EIO: [
    'io',
    'cannot DOING: the disk has a read error (EIO). A repair reads around it (-o OUT, on another disk); ' +
      'ddrescue may read more: copy the file with it first.',
  ],
  EEXIST: ['exists', 'expected no such file, found one. Name another output, or move it away.'],
};
/** Steps of the commands that have an option for the place of the fresh file. */
const HAS_OUTPUT: readonly string[] = ['repair it', 'delete a record of it'];
const SAME_AS: Readonly<Record<string, string>> = { EPERM: 'EACCES', EDQUOT: 'ENOSPC' };

/**
 * Turns an error of the file system into a sentence that an operator can act on.
 *
 * @param doing the refused step, such as `read it`
 */
export function refusal(error: unknown, path: string, doing: string): RefusedError {
  if (error instanceof RefusedError) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  const [refused, text] = REFUSALS[SAME_AS[code] ?? code] ?? ['io', `cannot DOING: ${message}`];
  const sentence =
    code === 'ENOENT' && path === '-'
      ? 'expected a file, found none. A database is read at many places, and from no stream: write it to a file first.'
      : text
          .replace('DOING', () => doing)
          .replace('another volume.', HAS_OUTPUT.includes(doing) ? 'another volume: -o OUT.' : '$&');
  return new RefusedError(refused, `${path}: ${sentence}`, { cause: error });
}

/** The refusal to make a file in a folder. */
export function folderRefusal(error: unknown, folder: string): RefusedError {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
    return refusal(error, folder, 'make a file in the folder');
  const text = `${folder}: expected a folder, found none. Make it, or check the path and that its volume is mounted.`;
  return new RefusedError('no-such-file', text, { cause: error });
}

/** The refusal of a copy whose source was written to after it was judged. */
export function changedMeanwhile(path: string): RefusedError {
  return new RefusedError(
    'changed',
    `${path}: expected it at rest until its copy was made, found that another program wrote to it. ` +
      'The copy was thrown away.',
  );
}

/** The error to throw where a snapshot could not be taken; a programming error stays as it is. */
export function takingRefused(error: unknown, path: string, folder: string): unknown {
  if (error instanceof SourceError) return changedMeanwhile(path);
  const elsewhere = 'or name another folder with --snapshots DIR.';
  return inOtherWords(error, folder, 'keep a snapshot there', {
    'no-space': `no space left for a snapshot. Those that are there stay. Free some space, lower --keep for later ones, ${elsewhere}`,
    'read-only': `the file system is read-only, cannot keep a snapshot there. Remount it writable, ${elsewhere}`,
    'no-permission': `no permission to keep a snapshot there. Run as the folder's owner, chown it, ${elsewhere}`,
    'no-such-file': `expected a folder to make the snapshots in, found none. Make it, ${elsewhere}`,
  });
}

/** The error to throw where a snapshot could not be restored; a programming error stays as it is. */
export function restoringRefused(error: unknown, path: string): unknown {
  // A restore cannot write to another volume.
  return inOtherWords(error, path, 'restore it', {
    'no-space':
      'no space left to restore it. Nothing was changed; free about as much as the snapshot is large.',
    'read-only': 'the file system is read-only, cannot restore it. Remount it writable.',
  });
}

function inOtherWords(
  error: unknown,
  path: string,
  doing: string,
  words: Partial<Record<RefusalCode, string>>,
): unknown {
  if (!(error instanceof RefusedError || (error instanceof Error && 'syscall' in error))) return error;
  const refused = refusal(error, path, doing);
  const text = words[refused.code];
  return text === undefined ? refused : new RefusedError(refused.code, `${path}: ${text}`, { cause: error });
}
