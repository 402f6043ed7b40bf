import type { VolumeProblem } from '../problem.js';
import { problem } from '../problem.js';
import { shellPath } from '../shellword.js';
import type { VolumeFacts } from '../volumefacts.js';
import { otherBySiblings } from './contents.js';

/** Whether the path leads to a file. */
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
            'Name the database file itself.',
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
          "Check the path; if it is right, unmount its volume and mount it again, and look into 'dmesg'.",
        ),
      ];
    case 'dangling-link':
      return [
        problem(
          'link-dangling',
          `Expected a file behind the symbolic link ${path}, found that ${realPath} does not exist or leads in a circle.`,
          `See where it leads with ls -la ${shellPath(path)}, and mount the volume that it leads into.`,
        ),
      ];
    case 'missing':
      return facts.folder?.kind === 'directory' ? fileMissing(facts) : [folderMissing(facts)];
  }
}

function directoryInstead({ realPath, mount }: VolumeFacts): VolumeProblem {
  const mounted = mount?.line?.mountPoint === realPath;
  const look = `Name the database file in it: ls -la ${shellPath(realPath)}`;
  return problem(
    'path-is-directory',
    `Expected a file at ${realPath}, found a folder${mounted ? ' that is mounted there' : ''}.`,
    // Docker makes a folder of what it is told to mount and does not find on the host.
    mounted
      ? `${look}; if this was to be the file itself, it is missing on the host: put it there, restart`
      : look,
  );
}

function notSearchable({ realPath, barrier, user }: VolumeFacts): VolumeProblem {
  const who = user === undefined ? 'this user' : `uid ${user.uid}`;
  const where = barrier === undefined ? 'a folder above it' : barrier;
  return problem(
    'path-not-searchable',
    `Expected ${who} to reach ${realPath}, found that it may not enter ${where}.`,
    barrier === undefined ? 'Run as the owner of the file.' : `chmod a+x ${shellPath(barrier)}`,
  );
}

function folderMissing({ folderPath, folder, ancestor, inContainer }: VolumeFacts): VolumeProblem {
  const nearest = ancestor === undefined ? '' : `; the nearest that exists is ${ancestor}`;
  const found = folder === undefined ? `none${nearest}` : 'something that is no folder';
  if (folder !== undefined) {
    return problem('folder-missing', `Expected the folder ${folderPath}, found ${found}.`, 'Check the path.');
  }
  const make = `mkdir -p ${shellPath(folderPath)}`;
  return problem(
    'folder-missing',
    `Expected the folder ${folderPath}, found ${found}.`,
    inContainer
      ? `Mount the volume at ${shellPath(folderPath)}; for a new database: ${make}`
      : `Check the path, or mount its volume; for a new database: ${make}`,
  );
}

function fileMissing(facts: VolumeFacts): VolumeProblem[] {
  // A database of another kind has the name with suffixes; what is there is judged instead of what is not.
  if (otherBySiblings(facts) !== undefined) return [];
  const { realPath, siblings, gdbmSibling, folderPath } = facts;
  const near = siblings.length > 0 ? `, but there is ${siblings.join(' and ')}` : '';
  const inPair = gdbmSibling?.endsWith('.pag') === true ? ", as libgdbm's ndbm interface keeps it" : '';
  return [
    problem(
      'file-missing',
      `Expected a file at ${realPath}, found none in its folder${near}${inPair}.`,
      siblings.length > 0
        ? `Name that file: gdbm-doctor doctor ${shellPath(gdbmSibling ?? siblings[0])}`
        : `Check the name, and that the right volume is mounted: ls -la ${shellPath(folderPath)}`,
    ),
  ];
}
