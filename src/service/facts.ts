import type { OtherFile } from '../database/identify.js';
import type { HashChar } from '../format/hash.js';
import type { ByteOrder } from '../format/format.js';
import type { MachineName } from '../format/machines.js';
import type { Mount } from './procfs.js';

/**
 * Facts about the place of a database. A fact that could not be found out is `undefined`; {@link VolumeFacts.unseen} says
 * why.
 */
export interface VolumeFacts {
  /** The path as given. */
  readonly path: string;
  /** Absolute, with symbolic links followed as far as they lead. */
  readonly realPath: string;
  /** Result of following the path. `unreachable`: a folder on the way may not be searched. */
  readonly state: 'present' | 'missing' | 'dangling-link' | 'unreachable' | 'unseen';
  /** The folder that may not be searched, if the state is `unreachable`. */
  readonly barrier: string | undefined;
  /** The system's error, if the state is `unseen`. */
  readonly trouble: string | undefined;
  readonly file: PlaceFacts | undefined;
  /** The folder of the file; undefined if it is missing. */
  readonly folder: PlaceFacts | undefined;
  readonly folderPath: string;
  /** The nearest existing folder: the file's own, or one above. */
  readonly ancestor: string | undefined;
  /** Files whose names are the path's with the suffix of another kind of database, absolute. */
  readonly siblings: readonly string[];
  /** The one of `siblings` that is a GDBM file: libgdbm's ndbm interface keeps it in NAME.pag. */
  readonly gdbmSibling: string | undefined;
  /** NAME.db, if it is the Berkeley DB file that Debian's dbm.ndbm makes of the name. */
  readonly berkeleySibling: string | undefined;
  readonly user: UserFacts | undefined;
  /** The mount of the file, or of the nearest existing folder. */
  readonly mount: MountFacts | undefined;
  /** Answer of mmap(2) to a shared, writable mapping of the file; undefined if nobody asked. */
  readonly mapping: MappingAnswer | undefined;
  /** True if a program is installed that takes a flock, which Node cannot. */
  readonly hasLockProgram: boolean;
  readonly space: SpaceFacts | undefined;
  /** The container in which this process runs, by the usual signs. */
  readonly container: ContainerFacts | undefined;
  readonly contents: ContentFacts | undefined;
  /** Other processes that have the file open or locked, as far as they can be seen. */
  readonly holders: readonly Holder[] | undefined;
  readonly machine: MachineFacts;
  /** Results of a check of the database, if there was one. */
  readonly database: DatabaseFacts | undefined;
  /** The shell command that brings back a snapshot or backup that has more than is left of the database. */
  readonly betterCopy: string | undefined;
  /** A sentence for each fact that could not be found out. */
  readonly unseen: readonly string[];
}

/** A file or folder, and this process's rights to it. */
export interface PlaceFacts {
  readonly kind: 'file' | 'directory' | 'other';
  readonly uid: number;
  readonly gid: number;
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number;
  /** Bytes. */
  readonly size: number;
  readonly read: Access;
  /** For a folder: making and renaming files in it. */
  readonly write: Access;
}

/** Answer of access(2) for the real user: allowed, or the error's name such as `EACCES` or `EROFS`. */
export type Access = 'allowed' | (string & {});

/** `allowed`, or the error with which libgdbm fails. */
export type MappingAnswer = 'allowed' | 'EINVAL' | 'ENODEV';

/** A container, as commands outside of it name it. */
export interface ContainerFacts {
  readonly runtime: 'docker' | 'podman' | 'kubernetes';
  /** The container's number or name, or the pod's name, as a shell takes it. */
  readonly name: string;
}

/** The user of this process. */
export interface UserFacts {
  readonly uid: number;
  readonly gid: number;
}

/** The mount of a file. */
export interface MountFacts {
  /** The line of /proc/self/mountinfo; undefined if it could not be read. */
  readonly line: Mount | undefined;
  /** Type of the file system, such as `ext4`; undefined if not even statfs's number is known. */
  readonly fsType: string | undefined;
  /** True if the file itself is a mount point. */
  readonly isFile: boolean | undefined;
}

/** Space on the volume: bytes and inodes that this user may use. */
export interface SpaceFacts {
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly freeInodes: number;
  /** 0 if the file system has no fixed number of inodes. */
  readonly totalInodes: number;
}

/** Facts from the first and last bytes of the file. */
export interface ContentFacts {
  /** Bytes. */
  readonly size: number;
  /** True if the file begins like a GDBM file. */
  readonly hasMagic: boolean;
  /** The likely kind of file, by its first bytes and its name, if it is not GDBM. */
  readonly other: OtherFile;
  /** Number of zero bytes at the end, up to a limit. */
  readonly zeroTail: number;
}

/** Another process that has the file open or locked. */
export interface Holder {
  readonly pid: number;
  /** Its command line; undefined if it could not be read. */
  readonly command: string | undefined;
  /** Its lock on the file; `none` if it only has the file open. */
  readonly lock: 'exclusive' | 'shared' | 'none';
  /** Present if it was seen to have the file open for writing. */
  readonly writes?: true;
}

/** Format that the libgdbm of this machine writes. */
export interface MachineFacts {
  /** Node's name, such as `x64`. */
  readonly arch: string;
  /** The name for `--for`; undefined if the machine is unknown. */
  readonly name: MachineName | undefined;
  readonly byteOrder: ByteOrder;
  /** Signedness of C's `char`, which decides the hash of keys with bytes of 0x80 and more; undefined if unknown. */
  readonly hashChar: HashChar | undefined;
  /** Alignment in bytes of a 64-bit `off_t`; undefined if unknown. */
  readonly alignment: 4 | 8 | undefined;
}

/** Results of a check of the database; see `FileFormat` of the check. */
export interface DatabaseFacts {
  readonly byteOrder: ByteOrder;
  readonly offsetBits: 32 | 64;
  /** Alignment of 64-bit offsets in bytes; left out if unknown. */
  readonly alignment?: 4 | 8;
  readonly hashChar: HashChar | 'undetermined';
  /** Size in bytes by the file's own header. */
  readonly nextBlock: number;
  /** Bytes; left out if unknown. */
  readonly blockSize?: number;
  /** Bytes. */
  readonly size: number;
  /** True if the check found no error; left out if unknown. */
  readonly healthy?: boolean;
}

/** `error`: the database cannot be used or repaired here. `warning`: it can be lost or refused. `notice`: good to know. */
export type ProblemSeverity = 'error' | 'warning' | 'notice';

/** Stable code and severity of each problem. */
export const VOLUME_CODES = {
  'folder-missing': 'error',
  'file-missing': 'error',
  'link-dangling': 'error',
  'path-not-searchable': 'error',
  'path-not-answering': 'error',
  'path-is-directory': 'error',
  'not-a-file': 'error',
  'volume-not-mounted': 'notice',
  'volume-in-memory': 'notice',
  'volume-anonymous': 'notice',
  'volume-read-only': 'error',
  'network-file-system': 'warning',
  'mapping-refused': 'error',
  'file-mounted-alone': 'warning',
  'mount-source-deleted': 'warning',
  'file-not-readable': 'error',
  'file-not-writable': 'error',
  'folder-not-writable': 'error',
  'file-immutable': 'error',
  'owner-differs': 'warning',
  'volume-full': 'error',
  'volume-low': 'warning',
  'inodes-exhausted': 'error',
  'locked-by-process': 'warning',
  'open-in-process': 'notice',
  'writer-without-lock': 'warning',
  'lock-program-missing': 'warning',
  'file-empty': 'error',
  'copy-incomplete': 'error',
  'size-not-whole-blocks': 'warning',
  'tail-zero': 'warning',
  'foreign-byte-order': 'error',
  'foreign-layout': 'error',
  'foreign-hash': 'error',
  'other-database': 'warning',
  'other-file': 'error',
} as const satisfies Record<string, ProblemSeverity>;
/** Stable code of a problem of a place. */
export type VolumeCode = keyof typeof VOLUME_CODES;

/** A problem of the place of a database. Paths are not escaped. */
export interface VolumeProblem {
  readonly code: VolumeCode;
  readonly severity: ProblemSeverity;
  /** A sentence: the expectation and the fact. */
  readonly found: string;
  /** One line on what to do, a command where there is one. */
  readonly advice: string;
}

/** Makes a problem with the severity of its code. */
export function problem(code: VolumeCode, found: string, advice: string): VolumeProblem {
  return { code, severity: VOLUME_CODES[code], found, advice };
}
