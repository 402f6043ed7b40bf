import { RefusedError, refusal } from '../replace/errors.js';
import { SourceError } from '../source/source.js';

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
