import type { Stats } from 'node:fs';
import { SourceError } from '../source/source.js';

/** Why a file could not be replaced; the source is as it was. */
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

/** A step at the file system was refused. The message says what was expected, what was found and what to do. */
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

/**
 * Refuses what is no regular file: opening a pipe or a device could wait for ever, or worse.
 *
 * @throws RefusedError
 */
export function requireRegularFile(path: string, stats: Stats): void {
  if (stats.isDirectory()) {
    throw new RefusedError(
      'is-directory',
      `${path}: expected a file, found a directory. Name the database file in it.`,
    );
  }
  if (!stats.isFile()) {
    throw new RefusedError('not-a-file', `${path}: expected a regular file, found a device, pipe or socket.`);
  }
}

/** Says a file system's error in words that an operator can act on. */
export function refusal(error: unknown, path: string, doing: string): RefusedError {
  if (error instanceof RefusedError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const say = (refused: RefusalCode, text: string) => new RefusedError(refused, text, { cause: error });
  switch (code) {
    case 'ENOENT':
      return say(
        'no-such-file',
        `${path}: expected a file, found none. ` +
          (path === '-'
            ? 'A database is read at many places, and from no stream: write it to a file first.'
            : 'Check the path and that its volume is mounted.'),
      );
    case 'EISDIR':
      return say(
        'is-directory',
        `${path}: expected a file, found a directory. Name the database file in it.`,
      );
    case 'ENOTDIR':
      return say('no-such-file', `${path}: a part of the path is not a directory. Check the path.`);
    case 'ELOOP':
      return say('no-such-file', `${path}: the symbolic links lead in a circle. Check where they point.`);
    case 'EACCES':
    case 'EPERM':
      return say(
        'no-permission',
        `${path}: no permission to ${doing}. Run as the owner of the file and its folder, or chown them.`,
      );
    case 'EROFS':
      return say(
        'read-only',
        `${path}: the file system is read-only, cannot ${doing}. Remount it writable, or write to another volume (repair: -o OUT).`,
      );
    case 'ENOSPC':
    case 'EDQUOT':
      return say(
        'no-space',
        `${path}: no space left to ${doing}. Free about as much as the file is large, or write to another volume (repair: -o OUT).`,
      );
    case 'EIO':
      return say(
        'io',
        `${path}: cannot ${doing}: the disk has a read error (EIO). A repair reads around it (-o OUT, on another disk); ` +
          `ddrescue may read more: copy the file with it first.`,
      );
    case 'EEXIST':
      return say(
        'exists',
        `${path}: expected no such file, found one. Name another output, or move it away.`,
      );
    default:
      return say('io', `${path}: cannot ${doing}: ${message}`);
  }
}

/** Says why no file could be made in a folder. */
export function folderRefusal(error: unknown, folder: string): RefusedError {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
    return refusal(error, folder, 'make a file in the folder');
  const text = `${folder}: expected a folder, found none. Make it, or check the path and that its volume is mounted.`;
  return new RefusedError('no-such-file', text, { cause: error });
}

/** A file was written to between the look at it and the end of its copy. */
export function changedMeanwhile(path: string): RefusedError {
  return new RefusedError(
    'changed',
    `${path}: expected it at rest until its copy was made, found that another program wrote to it. ` +
      'The copy was thrown away.',
  );
}

/** Says why no snapshot could be taken, and what to do; an error that is not the file system's is as it was. */
export function takingRefused(error: unknown, path: string, folder: string): unknown {
  if (error instanceof SourceError) return changedMeanwhile(path);
  if (!isFileSystems(error)) return error;
  const refused = refusal(error, folder, 'keep a snapshot there');
  const elsewhere = 'or name another folder with --snapshots DIR';
  const say = (text: string) =>
    new RefusedError(refused.code, `${folder}: ${text}, ${elsewhere}.`, { cause: error });
  switch (refused.code) {
    case 'no-space':
      return say(
        'no space left for a snapshot. Those that are there stay. Free some space, lower --keep for later ones',
      );
    case 'read-only':
      return say('the file system is read-only, cannot keep a snapshot there. Remount it writable');
    case 'no-permission':
      return say("no permission to keep a snapshot there. Run as the folder's owner, chown it");
    case 'no-such-file':
      return say('expected a folder to make the snapshots in, found none. Make it');
    default:
      return refused;
  }
}

/** Says why a snapshot could not be brought back; an error that is not the file system's is as it was. */
export function restoringRefused(error: unknown, path: string): unknown {
  if (!isFileSystems(error)) return error;
  const refused = refusal(error, path, 'restore it');
  // The general advice is to write elsewhere with -o, which this command does not have.
  if (refused.code === 'no-space') {
    const text =
      'no space left to restore it. Nothing was changed; free about as much as the snapshot is large.';
    return new RefusedError('no-space', `${path}: ${text}`, { cause: error });
  }
  if (refused.code === 'read-only') {
    const text = 'the file system is read-only, cannot restore it. Remount it writable.';
    return new RefusedError('read-only', `${path}: ${text}`, { cause: error });
  }
  return refused;
}

function isFileSystems(error: unknown): boolean {
  return error instanceof RefusedError || (error instanceof Error && 'syscall' in error);
}
