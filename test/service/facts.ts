import type { Mount } from '../../src/service/procfs.js';
import type {
  ContentFacts,
  DatabaseFacts,
  MountFacts,
  PlaceFacts,
  VolumeFacts,
} from '../../src/service/facts.js';

/** A volume at /data on a disk of this machine. */
export const LINE: Mount = {
  id: 40,
  parentId: 27,
  device: '8:1',
  root: '/',
  mountPoint: '/data',
  options: ['rw', 'relatime'],
  fsType: 'ext4',
  source: '/dev/sda1',
  superOptions: ['rw'],
};

export const FILE: PlaceFacts = {
  kind: 'file',
  uid: 1000,
  gid: 1000,
  mode: 0o644,
  size: 1 << 20,
  read: 'allowed',
  write: 'allowed',
};
export const FOLDER: PlaceFacts = { ...FILE, kind: 'directory', mode: 0o755, size: 4096 };

export const CONTENTS: ContentFacts = {
  size: 1 << 20,
  hasMagic: true,
  other: { kind: 'unknown', what: 'something', advice: 'Check the path.' },
  zeroTail: 0,
};

export const DATABASE: DatabaseFacts = {
  byteOrder: 'little',
  offsetBits: 64,
  alignment: 8,
  hashChar: 'signed',
  nextBlock: 1 << 20,
  blockSize: 4096,
  size: 1 << 20,
  healthy: true,
};

/** The mount of the file, with some other properties. */
export function mounted(line: Partial<Mount>, facts: Partial<MountFacts> = {}): Partial<VolumeFacts> {
  const whole = { ...LINE, ...line };
  return { mount: { line: whole, fsType: whole.fsType, isFile: false, ...facts } };
}

/** A place without problems on amd64, with some other facts. */
export function place(changes: Partial<VolumeFacts> = {}): VolumeFacts {
  return {
    path: '/data/flower.db',
    realPath: '/data/flower.db',
    state: 'present',
    barrier: undefined,
    trouble: undefined,
    file: FILE,
    folder: FOLDER,
    folderPath: '/data',
    ancestor: '/data',
    siblings: [],
    gdbmSibling: undefined,
    berkeleySibling: undefined,
    user: { uid: 1000, gid: 1000 },
    mount: { line: LINE, fsType: 'ext4', isFile: false },
    mapping: undefined,
    hasLockProgram: true,
    space: { freeBytes: 1 << 30, totalBytes: 1 << 32, freeInodes: 1000, totalInodes: 2000 },
    container: { runtime: 'docker', name: '3f2a9c01d2e4' },
    contents: CONTENTS,
    holders: [],
    machine: { arch: 'x64', name: 'amd64', byteOrder: 'little', hashChar: 'signed', alignment: 8 },
    database: DATABASE,
    betterCopy: undefined,
    unseen: [],
    ...changes,
  };
}

/** A place without the file. */
export const ABSENT: Partial<VolumeFacts> = {
  state: 'missing',
  file: undefined,
  contents: undefined,
  holders: undefined,
  database: undefined,
};
