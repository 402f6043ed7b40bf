import { execFile } from 'node:child_process';
import { dirname } from 'node:path';
import { shellPath } from '../report/escape.js';
import type { MappingAnswer, MountFacts, VolumeFacts, VolumeProblem } from './facts.js';
import { problem } from './facts.js';
import { asRoot, elsewhere, mountsCommand, remarked, saveCommand, volumeName } from './remedy.js';

/** Judges the mount of the file. */
export function judgeMount(facts: VolumeFacts): VolumeProblem[] {
  const { mount } = facts;
  // Without the folder, the mount is that of a folder above it: its volume is not mounted.
  if (mount === undefined || facts.folder === undefined) return [];
  return [
    ...readOnly(facts, mount),
    ...network(facts, mount),
    ...mapping(facts, mount),
    ...mountedAlone(facts, mount),
    ...sourceDeleted(facts, mount),
    ...notMounted(facts, mount),
    ...inMemory(facts, mount),
    ...anonymous(facts, mount),
  ];
}

function readOnly(facts: VolumeFacts, { line, isFile }: MountFacts): VolumeProblem[] {
  const { realPath, file, folder } = facts;
  const byMount = line?.options.includes('ro') === true;
  const bySystem = line?.superOptions.includes('ro') === true;
  const refused = file?.write === 'EROFS' || folder?.write === 'EROFS';
  if (!byMount && !bySystem && !refused) return [];
  const place = line?.mountPoint ?? realPath;
  const remount = asRoot({ ...facts, container: undefined }, `mount -o remount,rw ${shellPath(place)}`);
  const onHost = facts.container === undefined ? '' : 'on the host; ';
  const advice = bySystem
    ? remarked(`dmesg | tail -n 50; ${remount}`, `${onHost}after disk errors copy the data away first`)
    : remarked(
        `gdbm-doctor repair ${shellPath(realPath)} -o ${elsewhere(realPath)}`,
        'or mount the volume without :ro (Kubernetes: readOnly: false)',
      );
  return [
    problem(
      'volume-read-only',
      `Expected to write ${isFile ? 'the file' : 'on the volume'} at ${place}, found it mounted read-only` +
        `${bySystem ? ', the file system as a whole' : ''}.`,
      line?.mountPoint === '/' && facts.container !== undefined
        ? remarked(
            mountsCommand(facts, facts.folderPath),
            `start the container without --read-only, or mount a volume: ${mountOption(facts)}`,
          )
        : advice,
    ),
  ];
}

function network({ realPath }: VolumeFacts, { line, fsType }: MountFacts): VolumeProblem[] {
  const kind = fsType === undefined ? undefined : networkKind(fsType);
  if (kind === undefined) return [];
  const from = line === undefined ? '' : ` (${fsType}, ${line.source})`;
  const options = [...(line?.options ?? []), ...(line?.superOptions ?? [])];
  const unlocked = options.filter((one) => /^(nolock|local_lock=(all|flock)|nobrl)$/.test(one));
  const here =
    unlocked.length === 0 ? '' : ` It is mounted with ${unlocked.join(',')}: locks are of this machine only.`;
  return [
    problem(
      'network-file-system',
      `Expected a file system of this machine under ${realPath}, found ${kind.what}${from}: ${kind.unsafe}.${here}${ERRNO}`,
      remarked(
        `cp -p ${shellPath(realPath)} ${elsewhere(realPath)}`,
        'keep the database on a local disk or block volume, and let programs of one machine only open it',
      ),
    ),
  ];
}

/** The errors that users of Python see and search for on the web. */
const ERRNO =
  ' Where it refuses to map files, Python ends with [Errno 19] No such device or [Errno 22] Invalid argument.';

/** Judges a file that cannot be mapped, which libgdbm does with every database that it opens. */
function mapping({ realPath, mapping: refused }: VolumeFacts, { fsType }: MountFacts): VolumeProblem[] {
  if (refused === undefined || refused === 'allowed') return [];
  const errno = refused === 'ENODEV' ? '[Errno 19] No such device' : '[Errno 22] Invalid argument';
  const way = fsType === undefined ? undefined : networkKind(fsType)?.mapping;
  return [
    problem(
      'mapping-refused',
      `Expected that ${realPath} can be mapped into memory, shared and writable, found that its file system ` +
        `(${fsType ?? 'of unknown type'}) refuses it: libgdbm cannot use a database here, and Python ends with ${errno}.`,
      remarked(
        `cp -p ${shellPath(realPath)} ${elsewhere(realPath)}`,
        `name a file on a local disk to the program${way === undefined ? '' : `, or ${way}`}; gdbm-doctor itself needs no mmap`,
      ),
    ),
  ];
}

function mountedAlone(facts: VolumeFacts, { isFile, line }: MountFacts): VolumeProblem[] {
  if (isFile !== true) return [];
  const { realPath, folderPath } = facts;
  const source = line === undefined ? undefined : dirname(line.root);
  const option =
    source === undefined || source === '/'
      ? mountOption(facts)
      : `-v ${shellPath(source)}:${shellPath(folderPath)}`;
  return [
    problem(
      'file-mounted-alone',
      `Expected the folder of ${realPath} to be mounted, found the file mounted by itself: nothing can be renamed ` +
        `over it, so that a repair copies into place, which a crash can leave half done.`,
      remarked(mountsCommand(facts, realPath), `mount the folder instead of the file: ${option}`),
    ),
  ];
}

function sourceDeleted(facts: VolumeFacts, { line }: MountFacts): VolumeProblem[] {
  if (line?.root.endsWith('//deleted') !== true) return [];
  const { realPath } = facts;
  return [
    problem(
      'mount-source-deleted',
      `Expected what is mounted at ${line.mountPoint} to exist on the host, found it deleted or replaced there: ` +
        `what is written to ${realPath} is lost.`,
      remarked(saveCommand(facts), 'copies it away; then start the container again'),
    ),
  ];
}

function notMounted(facts: VolumeFacts, { line, fsType }: MountFacts): VolumeProblem[] {
  const overlay = fsType !== undefined && isOverlay(fsType);
  // Without mountinfo an overlay is the only sign there is.
  const isRoot = line === undefined ? overlay : line.mountPoint === '/';
  if (!isRoot || !(overlay || facts.container !== undefined)) return [];
  const { folderPath, state } = facts;
  const look = state === 'present' ? saveCommand(facts) : mountsCommand(facts, folderPath);
  const saved = state === 'present' ? 'saves it; then ' : '';
  return [
    problem(
      'volume-not-mounted',
      `Expected a volume at ${folderPath} or above it, found no mount: it lies on the container's own file system ` +
        `(${fsType ?? 'of unknown type'}), and data here is lost with the container.`,
      remarked(look, `${saved}mount a volume: ${mountOption(facts)}`),
    ),
  ];
}

function inMemory(facts: VolumeFacts, { line, fsType }: MountFacts): VolumeProblem[] {
  if (fsType === undefined || !isMemory(fsType)) return [];
  const { folderPath } = facts;
  const place = line?.mountPoint ?? folderPath;
  return [
    problem(
      'volume-in-memory',
      `Expected a volume on a disk, found ${place} in memory (${fsType}): data here is gone when it is unmounted or ` +
        `the machine stops.`,
      remarked(
        mountsCommand(facts, place),
        `if the data is to stay, mount a volume on a disk: ${mountOption(facts)}`,
      ),
    ),
  ];
}

/** Docker's and Podman's name of a volume that nobody named, in the path of its data on the host. */
const ANONYMOUS = /\/volumes\/[0-9a-f]{64}\/_data(\/|$)/;

function anonymous(facts: VolumeFacts, { line }: MountFacts): VolumeProblem[] {
  if (line === undefined || !ANONYMOUS.test(line.root)) return [];
  return [
    problem(
      'volume-anonymous',
      `Expected a volume with a name at ${line.mountPoint}, found one that the container was given for itself: the next ` +
        'container gets an empty one, and docker rm -v, --rm and prune remove it.',
      remarked(saveCommand(facts), `saves it; then name a volume: ${mountOption(facts)}`),
    ),
  ];
}

/** The option that mounts a volume at the folder, for Docker and for Kubernetes. */
function mountOption({ folderPath, realPath, container }: VolumeFacts): string {
  const folder = shellPath(folderPath);
  return container?.runtime === 'kubernetes'
    ? `mountPath: ${folder}`
    : `-v ${volumeName(realPath)}:${folder}`;
}

/** Size of a fresh file as a share of the old one's size. */
const REPAIR_SHARE = 1.1;
/** Bytes that saving a small record needs: a few blocks and a bucket that splits. */
const SAVE_BYTES = 1 << 16;

/** Judges the free bytes and inodes. */
export function judgeSpace({
  space,
  file,
  folder,
  folderPath,
  mount,
  realPath,
}: VolumeFacts): VolumeProblem[] {
  if (space === undefined || folder === undefined || isReadOnly()) return [];
  const place = mount?.line?.mountPoint ?? folderPath;
  const found: VolumeProblem[] = [];
  const needed = Math.ceil((file?.kind === 'file' ? file.size : 0) * REPAIR_SHARE);
  if (space.totalBytes > 0 && space.freeBytes < SAVE_BYTES) {
    found.push(
      problem(
        'volume-full',
        `Expected room to save on the volume at ${place}, found ${bytes(space.freeBytes)} of ` +
          `${bytes(space.totalBytes)} free for this user; a repair needs ${bytes(Math.max(needed, SAVE_BYTES))}.`,
        remarked(`du -xah ${shellPath(place)} | sort -h | tail`, 'then free space, or enlarge the volume'),
      ),
    );
  } else if (space.totalBytes > 0 && space.freeBytes < needed) {
    found.push(
      problem(
        'volume-low',
        `Expected room for a repair on the volume at ${place}, ${bytes(needed)}, found ${bytes(space.freeBytes)} free ` +
          `for this user.`,
        remarked(
          `gdbm-doctor repair ${shellPath(realPath)} -o ${elsewhere(realPath)}`,
          'or free space, or enlarge the volume',
        ),
      ),
    );
  }
  if (space.totalInodes > 0 && space.freeInodes === 0 && !inventsInodes(mount)) {
    found.push(
      problem(
        'inodes-exhausted',
        `Expected an inode for a new file on the volume at ${place}, found none of ` +
          `${space.totalInodes.toLocaleString('en-US')} free, whatever room there is.`,
        remarked(`du -x --inodes ${shellPath(place)} | sort -n | tail`, 'then delete small files there'),
      ),
    );
  }
  return found;

  // A read-only file system, such as squashfs, is always full.
  function isReadOnly(): boolean {
    const options = [...(mount?.line?.options ?? []), ...(mount?.line?.superOptions ?? [])];
    return options.includes('ro') || folder?.write === 'EROFS';
  }
}

/** Recognises a meaningless number of free inodes. */
function inventsInodes(mount: MountFacts | undefined): boolean {
  return mount?.fsType !== undefined && networkKind(mount.fsType)?.inventsInodes === true;
}

function bytes(n: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = 0;
  let value = n;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

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
function networkKind(type: string): FileSystemKind | undefined {
  // Root of rootless containers, on a file system of this machine.
  if (type === 'fuse.fuse-overlayfs') return undefined;
  const subtype = /^fuse\.(.+)$/.exec(type)?.[1];
  if (subtype === undefined) return NETWORK[type];
  return NETWORK[subtype] ?? FUSE;
}

/** Recognises a file system that holds a container's changes to its image. */
function isOverlay(type: string): boolean {
  return ['overlay', 'overlayfs', 'aufs', 'fuse.fuse-overlayfs'].includes(type);
}

/** Recognises a file system whose contents are gone when the machine or the container stops. */
function isMemory(type: string): boolean {
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
