import { execFile } from 'node:child_process';
import type { MappingAnswer } from './facts.js';

/** Consequences of a kind of file system for a database on it. */
interface FileSystemKind {
  /** Its name in a sentence. */
  readonly what: string;
  /** Why a database is not safe there. */
  readonly unsafe: string;
  /** True if statfs reports an invented number of inodes, such as rclone's 10⁹ with none free. */
  readonly inventsInodes?: boolean;
  /** A remedy besides a local disk if it refuses to map a file. */
  readonly mapping?: string;
}

const NFS: FileSystemKind = {
  what: 'NFS',
  unsafe:
    'a flock reaches other clients only while the lock service works and never with nolock, and a mapped page can be old',
};
const SMB: FileSystemKind = {
  what: 'SMB',
  unsafe: 'a flock may not reach other clients, and mapped pages are not kept the same between them',
  inventsInodes: true,
  mapping: 'mount it without cache=none and without directio',
};
const VIRTUAL: FileSystemKind = {
  what: "a folder shared from a virtual machine's host",
  unsafe: 'a flock does not reach programs on the host, and mmap may fail or show old bytes',
  inventsInodes: true,
  mapping: "keep it on the guest's own disk",
};
const FUSE: FileSystemKind = {
  what: 'a FUSE file system',
  unsafe: 'locks and mmap are what its program makes of them, which may be nothing',
  inventsInodes: true,
};
const MERGERFS: FileSystemKind = { ...FUSE, mapping: 'mount mergerfs with cache.files=auto-full' };
const RCLONE: FileSystemKind = { ...FUSE, mapping: 'run rclone mount with --vfs-cache-mode full' };
const CLUSTER: FileSystemKind = {
  what: 'a cluster file system',
  unsafe: 'a flock may be of this node only, and a node that is cut off can lose its last writes',
};

/** Kinds by the type in mountinfo. */
const NETWORK: Readonly<Record<string, FileSystemKind>> = {
  nfs: NFS,
  nfs4: NFS,
  cifs: SMB,
  smb2: SMB,
  smb3: SMB,
  smbfs: SMB,
  '9p': VIRTUAL,
  virtiofs: VIRTUAL,
  vboxsf: VIRTUAL,
  prl_fs: VIRTUAL,
  vmhgfs: VIRTUAL,
  fakeowner: VIRTUAL,
  grpcfuse: VIRTUAL,
  osxfs: VIRTUAL,
  fuse: FUSE,
  mergerfs: MERGERFS,
  rclone: RCLONE,
  ceph: CLUSTER,
  glusterfs: CLUSTER,
  lustre: CLUSTER,
  beegfs: CLUSTER,
  gpfs: CLUSTER,
  gfs2: CLUSTER,
  ocfs2: CLUSTER,
  afs: { what: 'AFS', unsafe: 'locks and writes reach other clients only when the file is closed' },
};

/**
 * The kind of a file system that is not safe for a database; undefined for one of this machine.
 *
 * @param type as in mountinfo
 */
export function networkKind(type: string): FileSystemKind | undefined {
  // Root of rootless containers, on a file system of this machine.
  if (type === 'fuse.fuse-overlayfs') return undefined;
  const subtype = /^fuse\.(.+)$/.exec(type)?.[1];
  if (subtype === undefined) return NETWORK[type];
  return NETWORK[subtype] ?? FUSE;
}

/** Recognises a file system that holds a container's changes to its image. */
export function isOverlay(type: string): boolean {
  return ['overlay', 'overlayfs', 'aufs', 'fuse.fuse-overlayfs'].includes(type);
}

/** Recognises a file system whose contents are gone when the machine or the container stops. */
export function isMemory(type: string): boolean {
  return type === 'tmpfs' || type === 'ramfs';
}

/** Numbers of statfs(2) on Linux, used if mountinfo cannot be read. */
const NUMBERS: ReadonlyMap<number, string> = new Map([
  [0x6969, 'nfs'],
  [0xff534d42, 'cifs'],
  [0xfe534d42, 'smb2'],
  [0x517b, 'smbfs'],
  [0x01021997, '9p'],
  [0x65735546, 'fuse'],
  [0x00c36400, 'ceph'],
  [0x5346414f, 'afs'],
  [0x786f4256, 'vboxsf'],
  [0x0bd00bd0, 'lustre'],
  [0x47504653, 'gpfs'],
  [0x19830326, 'beegfs'],
  [0x01161970, 'gfs2'],
  [0x7461636f, 'ocfs2'],
  [0x794c7630, 'overlay'],
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x2fc12fc1, 'zfs'],
  [0xf2f52010, 'f2fs'],
  [0x4d44, 'vfat'],
  [0x2011bab0, 'exfat'],
  [0x73717368, 'squashfs'],
]);

/** The name of a file system by its number; ext2, ext3 and ext4 share one. */
export function nameOfNumber(type: number): string | undefined {
  // Some systems report a negative number.
  return NUMBERS.get(type >>> 0);
}

/** Milliseconds to wait for a file system's answer; a local one takes about 20. */
const PATIENCE = 5000;

/** Maps one page of the file and prints the result. It opens the file for writing but writes nothing. */
const PROBE = `
import errno, mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
try:
    mmap.mmap(fd, min(os.fstat(fd).st_size, mmap.PAGESIZE)).close()
    print("allowed")
except OSError as error:
    print(errno.errorcode.get(error.errno))
`;

/**
 * Tries to map a file as libgdbm maps it: shared and writable. Node cannot map files, so Python does it, which is installed
 * beside most of these databases; and only on file systems that are known to refuse.
 *
 * @returns undefined if the file system is none of those, or the attempt failed
 */
export function probeMapping(path: string, fsType: string | undefined): Promise<MappingAnswer | undefined> {
  if (fsType === undefined || !(networkKind(fsType) !== undefined || fsType === 'zfs')) {
    return Promise.resolve(undefined);
  }
  return new Promise((resolve) => {
    execFile('python3', ['-I', '-S', '-c', PROBE, path], { timeout: PATIENCE }, (error, stdout) => {
      const answer = stdout.trim();
      const isKnown = answer === 'allowed' || answer === 'EINVAL' || answer === 'ENODEV';
      resolve(error === null && isKnown ? answer : undefined);
    });
  });
}
