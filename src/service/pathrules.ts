import { shellPath } from '../report/escape.js';
import { otherBySiblings } from './contentrules.js';
import type { PlaceFacts, UserFacts, VolumeCode, VolumeFacts, VolumeProblem } from './facts.js';
import { problem } from './facts.js';
import { asRoot, fsGroupCommand, mountsCommand, remarked } from './remedy.js';

/** Judges whether the path leads to a file. */
export function judgePath(facts: VolumeFacts): VolumeProblem[] {
  const { path, realPath, state, file } = facts;
  switch (state) {
    case 'present':
      if (file?.kind === 'directory') return [directoryInstead(facts)];
      if (file?.kind === 'other') {
        return [
          problem(
            'not-a-file',
            `Expected a regular file at ${realPath}, found a device, pipe or socket.`,
            remarked(`ls -la ${shellPath(realPath)}`, 'name the database file itself'),
          ),
        ];
      }
      return [];
    case 'unreachable':
      return [notSearchable(facts)];
    case 'unseen':
      return [
        problem(
          'path-not-answering',
          `Expected a file at ${realPath}, found that the system cannot say what is there: ${facts.trouble}.`,
          remarked(
            'dmesg | tail -n 50',
            'check the path; if it is right, unmount its volume and mount it again',
          ),
        ),
      ];
    case 'dangling-link':
      return [
        problem(
          'link-dangling',
          `Expected a file behind the symbolic link ${path}, found that ${realPath} does not exist or leads in a circle.`,
          remarked(`ls -la ${shellPath(path)}`, 'shows where it leads: mount the volume there'),
        ),
      ];
    case 'missing':
      return facts.folder?.kind === 'directory' ? fileMissing(facts) : [folderMissing(facts)];
  }
}

function directoryInstead({ realPath, mount }: VolumeFacts): VolumeProblem {
  const mounted = mount?.line?.mountPoint === realPath;
  const look = `ls -la ${shellPath(realPath)}`;
  return problem(
    'path-is-directory',
    `Expected a file at ${realPath}, found a folder${mounted ? ' that is mounted there' : ''}.`,
    // Docker makes a folder if the file to mount is missing on the host.
    remarked(
      look,
      `name the database file in it${mounted ? '; if this was to be the file itself, it is missing on the host: mount its folder' : ''}`,
    ),
  );
}

function notSearchable(facts: VolumeFacts): VolumeProblem {
  const { realPath, barrier, user, folderPath } = facts;
  const who = user === undefined ? 'this user' : `uid ${user.uid}`;
  const where = barrier === undefined ? 'a folder above it' : barrier;
  return problem(
    'path-not-searchable',
    `Expected ${who} to reach ${realPath}, found that it may not enter ${where}.`,
    barrier === undefined
      ? remarked(`ls -ld ${shellPath(folderPath)}`, 'run as the owner of the file')
      : asRoot(facts, `chmod a+x ${shellPath(barrier)}`),
  );
}

function folderMissing(facts: VolumeFacts): VolumeProblem {
  const { folderPath, folder, ancestor, container } = facts;
  const nearest = ancestor === undefined ? '' : `; the nearest that exists is ${ancestor}`;
  const found = folder === undefined ? `none${nearest}` : 'something that is no folder';
  if (folder !== undefined) {
    const look = remarked(`ls -ld ${shellPath(folderPath)}`, 'check the path');
    return problem('folder-missing', `Expected the folder ${folderPath}, found ${found}.`, look);
  }
  const make = `mkdir -p ${shellPath(folderPath)}`;
  return problem(
    'folder-missing',
    `Expected the folder ${folderPath}, found ${found}.`,
    container === undefined
      ? remarked(make, 'for a new database; else check the path, or mount its volume')
      : remarked(mountsCommand(facts, folderPath), `mount the volume there; for a new database: ${make}`),
  );
}

function fileMissing(facts: VolumeFacts): VolumeProblem[] {
  // The name with suffixes is a database of another kind, which the rules for contents report.
  if (otherBySiblings(facts) !== undefined) return [];
  if (facts.berkeleySibling !== undefined) return [];
  const { realPath, siblings, gdbmSibling, folderPath, betterCopy } = facts;
  const near = siblings.length > 0 ? `, but there is ${siblings.join(' and ')}` : '';
  const inPair = gdbmSibling?.endsWith('.pag') === true ? ", as libgdbm's ndbm interface keeps it" : '';
  return [
    problem(
      'file-missing',
      `Expected a file at ${realPath}, found none in its folder${near}${inPair}.`,
      siblings.length > 0
        ? remarked(`gdbm-doctor doctor ${shellPath(gdbmSibling ?? siblings[0])}`, 'name that file')
        : (betterCopy ??
            remarked(
              `ls -la ${shellPath(folderPath)}`,
              'check the name, and that the right volume is mounted',
            )),
    ),
  ];
}

/** A place that this user may not use. */
interface Refused {
  readonly code: VolumeCode;
  readonly found: string;
  readonly path: string;
  readonly place: PlaceFacts;
}

/** Judges whether this user can write the file and its folder. The rules for mounts report a read-only file system. */
export function judgeAccess(facts: VolumeFacts): VolumeProblem[] {
  const { realPath, folderPath, file, folder, user } = facts;
  const refused: Refused[] = [];
  const found: VolumeProblem[] = [];
  if (file?.kind === 'file') {
    // A file that can neither be read nor written is one problem: the same command solves both.
    const doing = isForbidden(file.read) ? 'read' : isForbidden(file.write) ? 'write' : undefined;
    if (doing !== undefined) {
      const code = doing === 'read' ? 'file-not-readable' : 'file-not-writable';
      refused.push({ code, found: cannot(doing, 'file', realPath, file, user), path: realPath, place: file });
    } else found.push(...immutable(facts, realPath, file), ...ownerDiffers(facts));
  }
  if (folder?.kind === 'directory') {
    if (isForbidden(folder.write)) {
      const why = `${cannot('write', 'folder', folderPath, folder, user)} A repair makes its fresh file there.`;
      refused.push({ code: 'folder-not-writable', found: why, path: folderPath, place: folder });
    } else found.push(...immutable(facts, folderPath, folder));
  }
  // One remedy for all of them, so that the first line to paste is enough.
  const advice = remedy(facts, refused);
  return [...refused.map((one) => problem(one.code, one.found, advice)), ...found];
}

/** Checks that permissions explain a refusal; other refusals come from the volume. */
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

/**
 * One line that lets this user use all places: chmod for those that the user owns, then chown and chmod for the rest, as root;
 * in Kubernetes the group of the volume.
 */
function remedy(facts: VolumeFacts, refused: readonly Refused[]): string {
  const { user, container, realPath, folderPath } = facts;
  if (user === undefined) return remarked(`ls -la ${shellPath(folderPath)}`, 'run as its owner');
  const owned = refused.filter(({ place }) => place.uid === user.uid);
  const others = refused.filter(({ place }) => place.uid !== user.uid);
  if (others.length === 0) return owned.map(chmod).join(' && ');
  const [{ place, path }] = others;
  // Root without its capabilities, or mapped to another user by a server.
  if (user.uid === 0) {
    const doctor = `gdbm-doctor doctor ${shellPath(realPath)}`;
    const enter =
      container === undefined || container.runtime === 'kubernetes'
        ? `sudo -u '#${place.uid}' -g '#${place.gid}'`
        : `${container.runtime} exec -u ${place.uid}:${place.gid} ${container.name}`;
    return remarked(`${enter} ${doctor}`, `run as the owner of ${shellPath(path)}`);
  }
  const byGroup = fsGroupCommand(facts);
  if (byGroup !== undefined) return byGroup;
  const chown = `chown ${user.uid}:${user.gid} ${others.map((one) => shellPath(one.path)).join(' ')}`;
  const stillRefused = others.filter((one) => (one.place.mode & ownerBits(one)) !== ownerBits(one));
  return asRoot(facts, [...owned.map(chmod), chown, ...stillRefused.map(chmod)].join(' && '));
}

function chmod({ path, place }: Refused): string {
  return `chmod u+rw${place.kind === 'directory' ? 'x' : ''} ${shellPath(path)}`;
}

/** The permission bits that the owner needs. */
function ownerBits({ place }: Refused): number {
  return place.kind === 'directory' ? 0o700 : 0o600;
}

function immutable(facts: VolumeFacts, path: string, place: PlaceFacts): VolumeProblem[] {
  if (place.write !== 'EPERM') return [];
  return [
    problem(
      'file-immutable',
      `Expected ${path} to be writable, found it marked as immutable, which binds root too.`,
      asRoot(facts, `chattr -i ${shellPath(path)}`),
    ),
  ];
}

/** Judges a file that root left in the folder of a program that is not root. */
function ownerDiffers(facts: VolumeFacts): VolumeProblem[] {
  const { realPath, file, folder, user } = facts;
  if (file === undefined || folder === undefined || user === undefined) return [];
  const sticky = (folder.mode & 0o1000) !== 0;
  if (folder.uid === 0 || folder.uid === file.uid || sticky) return [];
  // A third user cannot tell who uses the file.
  if (user.uid !== 0 && user.uid !== folder.uid) return [];
  const shared = (file.mode & 0o002) !== 0 || ((file.mode & 0o020) !== 0 && file.gid === folder.gid);
  if (shared) return [];
  return [
    problem(
      'owner-differs',
      `Expected the file to belong to ${folder.uid}:${folder.gid} as its folder does, found ${file.uid}:${file.gid}: ` +
        `a program of uid ${folder.uid} cannot write it.`,
      asRoot(facts, `chown ${folder.uid}:${folder.gid} ${shellPath(realPath)}`),
    ),
  ];
}
