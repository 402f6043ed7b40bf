import type { VolumeProblem } from '../problem.js';
import { problem } from '../problem.js';
import { shellPath } from '../shellword.js';
import type { PlaceFacts, UserFacts, VolumeFacts } from '../volumefacts.js';

/** Whether this user can write the file and its folder. A read-only file system is the mount's matter. */
export function judgeAccess(facts: VolumeFacts): VolumeProblem[] {
  const { realPath, folderPath, file, folder, user } = facts;
  const found: VolumeProblem[] = [];
  if (file?.kind === 'file') {
    // One sentence for a file that can neither be read nor written: the same command mends both.
    if (isForbidden(file.read)) {
      found.push(
        problem(
          'file-not-readable',
          cannot('read', 'file', realPath, file, user),
          mend(realPath, file, user),
        ),
      );
    } else if (isForbidden(file.write)) {
      found.push(
        problem(
          'file-not-writable',
          cannot('write', 'file', realPath, file, user),
          mend(realPath, file, user),
        ),
      );
    } else found.push(...immutable(realPath, file), ...ownerDiffers(facts));
  }
  if (folder?.kind === 'directory') {
    if (isForbidden(folder.write)) {
      found.push(
        problem(
          'folder-not-writable',
          `${cannot('write', 'folder', folderPath, folder, user)} A repair makes its fresh file there.`,
          mend(folderPath, folder, user),
        ),
      );
    } else found.push(...immutable(folderPath, folder));
  }
  return found;
}

/** A refusal that permissions explain; others are the volume's. */
function isForbidden(access: string): boolean {
  return access === 'EACCES';
}

function cannot(
  doing: 'read' | 'write',
  what: 'file' | 'folder',
  path: string,
  place: PlaceFacts,
  user: UserFacts | undefined,
): string {
  const who = user === undefined ? 'this user' : `uid ${user.uid}`;
  return (
    `Expected ${who} to be able to ${doing} the ${what} ${path}, found that it belongs to ` +
    `${place.uid}:${place.gid} with mode ${place.mode.toString(8).padStart(4, '0')}.`
  );
}

/** The command that gives this user the place. */
function mend(path: string, { uid, gid, kind }: PlaceFacts, user: UserFacts | undefined): string {
  if (user === undefined) return 'Run as its owner.';
  if (uid === user.uid) return `chmod u+rw${kind === 'directory' ? 'x' : ''} ${shellPath(path)}`;
  if (user.uid === 0) {
    // Root that is refused has lost its capabilities, or the server does not take it for root.
    return `Run as its owner: docker exec --user ${uid}:${gid} CONTAINER gdbm-doctor doctor ${shellPath(path)}`;
  }
  return `chown ${user.uid}:${user.gid} ${shellPath(path)}`;
}

function immutable(path: string, place: PlaceFacts): VolumeProblem[] {
  if (place.write !== 'EPERM') return [];
  return [
    problem(
      'file-immutable',
      `Expected ${path} to be writable, found it marked as immutable, which binds root too.`,
      `chattr -i ${shellPath(path)}`,
    ),
  ];
}

/** A file that root left in the folder of a program that is not root. */
function ownerDiffers({ realPath, file, folder, user }: VolumeFacts): VolumeProblem[] {
  if (file === undefined || folder === undefined || user === undefined) return [];
  const sticky = (folder.mode & 0o1000) !== 0;
  if (folder.uid === 0 || folder.uid === file.uid || sticky) return [];
  // Another user's view says nothing of who is to use the file.
  if (user.uid !== 0 && user.uid !== folder.uid) return [];
  const shared = (file.mode & 0o002) !== 0 || ((file.mode & 0o020) !== 0 && file.gid === folder.gid);
  if (shared) return [];
  return [
    problem(
      'owner-differs',
      `Expected the file to belong to ${folder.uid}:${folder.gid} as its folder does, found ${file.uid}:${file.gid}: ` +
        `a program of uid ${folder.uid} cannot write it.`,
      `chown ${folder.uid}:${folder.gid} ${shellPath(realPath)}`,
    ),
  ];
}
