import type { OtherFile } from '../database/identify.js';
import type { HashChar } from '../format/hash.js';
import type { ByteOrder } from '../format/format.js';
import type { MachineName } from '../format/machines.js';
import type { Mount } from './procfs.js';

/**
 * What was seen of a database's place. A fact that could not be had is `undefined`, and {@link VolumeFacts.unseen}
 * says why.
 */
export interface VolumeFacts {
  /** As it was given. */
  readonly path: string;
  /** Absolute, with symbolic links followed as far as they lead. */
  readonly realPath: string;
  /** What the path leads to. `unreachable`: a folder on the way may not be searched. */
  readonly state: 'present' | 'missing' | 'dangling-link' | 'unreachable' | 'unseen';
  /** The folder that may not be searched, where the state is `unreachable`. */
  readonly barrier: string | undefined;
  /** What the system said, where the state is `unseen`. */
  readonly trouble: string | undefined;
  readonly file: PlaceFacts | undefined;
  /** The folder of the file; undefined where it is missing. */
  readonly folder: PlaceFacts | undefined;
  readonly folderPath: string;
  /** The nearest folder above that exists: the folder itself where it does. */
  readonly ancestor: string | undefined;
  /** Files whose names are the path's with the suffix of another kind of database, absolute. */
  readonly siblings: readonly string[];
  /** The one of `siblings` that is a GDBM file, as libgdbm's ndbm interface keeps it in NAME.pag. */
  readonly gdbmSibling: string | undefined;
  readonly user: UserFacts | undefined;
  /** The mount that the file, or else the nearest folder, lies on. */
  readonly mount: MountFacts | undefined;
  /** The answer of mmap(2) to a shared, writable mapping of the file; undefined where nobody asked or could ask. */
  readonly mapping: MappingAnswer | undefined;
  /** Whether there is a program that takes a flock, which Node cannot. */
  readonly hasLockProgram: boolean;
  readonly space: SpaceFacts | undefined;
  /** Whether this process runs in a container, as far as the usual signs tell. */
  readonly inContainer: boolean;
  readonly contents: ContentFacts | undefined;
  /** Other processes that have the file open or locked, as far as they can be seen. */
  readonly holders: readonly Holder[] | undefined;
  readonly machine: MachineFacts;
  /** What a check of the database told, where there was one. */
  readonly database: DatabaseFacts | undefined;
  /** A sentence for each fact that could not be seen. */
  readonly unseen: readonly string[];
}

/** A file or folder, and what this process may do with it. */
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

/** What access(2) answers for the real user: allowed, or the error's name such as `EACCES` or `EROFS`. */
export type Access = 'allowed' | (string & {});

/** `allowed`, or the error by which libgdbm fails. */
export type MappingAnswer = 'allowed' | 'EINVAL' | 'ENODEV';

/** The user that this process runs as. */
export interface UserFacts {
  readonly uid: number;
  readonly gid: number;
}

/** The mount that a file lies on. */
export interface MountFacts {
  /** The line of /proc/self/mountinfo; undefined where it could not be read. */
  readonly line: Mount | undefined;
  /** The type of the file system, such as `ext4`; undefined where not even statfs's number is known. */
  readonly fsType: string | undefined;
  /** Whether the file itself is a mount point. */
  readonly isFile: boolean | undefined;
}

/** Room on the volume; bytes and inodes that this user may use. */
export interface SpaceFacts {
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly freeInodes: number;
  /** 0 where the file system has no fixed number of them. */
  readonly totalInodes: number;
}

/** What the first and last bytes of the file say. */
export interface ContentFacts {
  /** Bytes. */
  readonly size: number;
  /** Whether the file begins as a GDBM file does. */
  readonly hasMagic: boolean;
  /** What the first bytes and the name say that it is, if not GDBM. */
  readonly other: OtherFile;
  /** Zero bytes at the end, counted up to a limit. */
  readonly zeroTail: number;
}

/** Another process that has the file open or locked. */
export interface Holder {
  readonly pid: number;
  /** Its command line; undefined where it could not be read. */
  readonly command: string | undefined;
  /** The lock it has on the file; `none` where it only has it open. */
  readonly lock: 'exclusive' | 'shared' | 'none';
}

/** What libgdbm of this machine writes. */
export interface MachineFacts {
  /** As Node calls it, such as `x64`. */
  readonly arch: string;
  /** As `--for` calls it; undefined if it is none that is known. */
  readonly name: MachineName | undefined;
  readonly byteOrder: ByteOrder;
  /** Whether C's `char` has a sign, by which keys with bytes of 0x80 and more are hashed; undefined if unknown. */
  readonly hashChar: HashChar | undefined;
  /** Alignment in bytes of a 64-bit `off_t`; undefined if unknown. */
  readonly alignment: 4 | 8 | undefined;
}

/** What a check found out about the database; see the check's `FileFormat`. */
export interface DatabaseFacts {
  readonly byteOrder: ByteOrder;
  readonly offsetBits: 32 | 64;
  /** Of 64-bit offsets in bytes; left out where it is not known. */
  readonly alignment?: 4 | 8;
  readonly hashChar: HashChar | 'undetermined';
  /** Bytes that the file has by its own header. */
  readonly nextBlock: number;
  /** Bytes; left out where it is not known. */
  readonly blockSize?: number;
  /** Bytes. */
  readonly size: number;
  /** Whether the check found no error; left out where it is not known. */
  readonly healthy?: boolean;
}

/** `error`: the database cannot be used or mended here. `warning`: it can be lost or refused. `notice`: to know. */
export type ProblemSeverity = 'error' | 'warning' | 'notice';

/** Each code, stable for programs, and how bad it is. */
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
export type VolumeCode = keyof typeof VOLUME_CODES;

/** One thing that is wrong with the place of a database. Paths stand in it as they are, not escaped. */
export interface VolumeProblem {
  readonly code: VolumeCode;
  readonly severity: ProblemSeverity;
  /** A sentence: what was found, and what was expected. */
  readonly found: string;
  /** The one line to do about it, a command where there is one. */
  readonly advice: string;
}

/** A problem with the severity of its code. */
export function problem(code: VolumeCode, found: string, advice: string): VolumeProblem {
  return { code, severity: VOLUME_CODES[code], found, advice };
}
