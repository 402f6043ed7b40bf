import { isBerkeley, SQLITE_MAGIC } from '../dbm/kind.js';
import { exact, passChunks, readUpTo } from '../source/source.js';
import { likelyCause } from './likelycause.js';
import type { Source } from '../source/source.js';
import type { FoundDatabase } from './databases.js';
import { databasesOf, HEADLESS_SEARCHED, MAX_DATABASES } from './databases.js';
import { CERTAIN_KINDS, identifyPacked, latin1 } from './packed.js';

/** Bytes at the beginning that identify a file. */
const HEAD = 4096;

/** A file that is not a GDBM database, with its real kind. */
export interface OtherFile {
  /** A stable name for programs. */
  readonly kind:
    | 'sqlite'
    | 'berkeley-db'
    | 'ndbm'
    | 'dumbdbm'
    | 'gdbm-dump-ascii'
    | 'gdbm-dump-binary'
    | 'gzip'
    | 'bzip2'
    | 'xz'
    | 'zstd'
    | 'lz4'
    | 'zlib'
    | 'age'
    | 'openssl'
    | 'gpg'
    | 'base64'
    | 'uuencode'
    | 'hex'
    | 'zip'
    | 'image'
    | 'zeroes'
    | 'text'
    | 'unknown';
  /** Description for people. */
  readonly what: string;
  /** Advice on the next step. */
  readonly advice: string;
}

/** Kinds that a file's first bytes declare; no GDBM data are looked for in such files. */
const DECLARED: readonly OtherFile['kind'][] = [
  'sqlite',
  'berkeley-db',
  'dumbdbm',
  'gdbm-dump-ascii',
  'gdbm-dump-binary',
  'zip',
  ...CERTAIN_KINDS,
];

/** Returns true if the file's own first bytes declare its kind. */
export function isDeclared({ kind }: OtherFile): boolean {
  return DECLARED.includes(kind);
}

const CARVE =
  'gdbm-doctor salvage --carve FILE  # looks for values by their shape alone; those with a key, such as events, are kept by: ' +
  'gdbm-doctor repair --include carved --expect-key events -o FILE.repaired FILE';

/**
 * Identifies a file that is not GDBM by its bytes, or by its name if they are inconclusive. A file with databases
 * inside is an image.
 *
 * @param name the file's name, a hint only
 * @throws SourceError if the source cannot be read
 */
export async function identifySource(source: Source, name = ''): Promise<OtherFile> {
  const other = identifyOther(await readUpTo(source, 0, HEAD), name);
  if (isDeclared(other)) return other;
  const databases = (await databasesOf(exact(source))).filter(({ offset }) => offset > 0);
  if (databases.length > 0) return imageOf(databases, other);
  if (other.kind === 'zeroes' && !(await isZero(source))) return withLimit(ZEROES_FIRST, source);
  if (other.kind !== 'unknown') return other;
  const cause = await likelyCause(source);
  const advice = cause === undefined ? other.advice : `${other.advice}; likely cause: ${cause}`;
  return withLimit({ ...other, advice }, source);
}

const ZEROES_FIRST: OtherFile = {
  kind: 'unknown',
  what: 'not a GDBM database that can be read: it begins with zero bytes, and nothing behind them fits the format',
  advice: `${CARVE}; its beginning never reached the disk, or was wiped: restore it from a copy`,
};

/** Adds how far a search went that ended before the end of the file. */
function withLimit(other: OtherFile, { size }: Source): OtherFile {
  if (size <= HEADLESS_SEARCHED) return other;
  const what = `${other.what} (headers were looked for in all of it, buckets without a header in the first 64 MiB)`;
  return { ...other, what };
}

/** An image or an archive with databases in it. */
function imageOf(databases: readonly FoundDatabase[], other: OtherFile): OtherFile {
  const isNamed = other.kind === 'image';
  const what = isNamed ? other.what : 'no GDBM database by itself but looks like an image';
  const unpack = isNamed
    ? other.advice
    : 'ls -la FILE  # take the files out of it with the program that made it';
  const whole = databases.find(({ isWhole }) => isWhole);
  const advice =
    whole === undefined
      ? unpack
      : `tail -c +${whole.offset + 1} FILE | head -c ${whole.size} > FILE.database  # cuts out the database at ${whole.offset}; or: ${unpack}`;
  const found = databasesText(databases.map(({ offset }) => offset));
  return { kind: 'image', what: `${what}: ${found}`, advice };
}

/** Databases whose offsets are listed. */
const TOLD = 8;

/** The number of databases and their offsets, for people. */
export function databasesText(offsets: readonly number[]): string {
  if (offsets.length === 1) return `1 database at ${offsets[0]}`;
  const most = offsets.length >= MAX_DATABASES ? ' or more' : '';
  const last = offsets.length > TOLD ? 'more' : offsets.at(-1);
  const shown = offsets.slice(0, Math.min(TOLD, offsets.length - 1));
  return `${offsets.length}${most} databases at ${shown.join(', ')} and ${last}`;
}

async function isZero(source: Source): Promise<boolean> {
  for await (const bytes of passChunks(source, 0, source.size)) {
    if (bytes.some((byte) => byte !== 0)) return false;
  }
  return true;
}

/**
 * Names a file that is not GDBM by its first bytes alone; see {@link identifySource}.
 *
 * @param head the first bytes, 4 KiB if there are so many
 * @param name the file's name, a hint only
 */
export function identifyOther(head: Uint8Array, name = ''): OtherFile {
  const text = latin1(head.subarray(0, 64));
  if (text.startsWith(SQLITE_MAGIC)) {
    return {
      kind: 'sqlite',
      what: 'an SQLite database (Python 3.13 and later make these for a shelve)',
      advice: 'sqlite3 FILE .recover > FILE.sql  # only if it is damaged; it needs no GDBM repair',
    };
  }
  if (text.startsWith('# GDBM dump file')) {
    return {
      kind: 'gdbm-dump-ascii',
      what: 'a text dump made by gdbm_dump, not a database',
      advice: 'gdbm-doctor load FILE FILE.db  # makes a database of it',
    };
  }
  if (text.startsWith('!\r\n! GDBM FLAT FILE DUMP')) {
    return {
      kind: 'gdbm-dump-binary',
      what: 'a binary dump made by gdbm_dump or gdbm_export, not a database',
      advice: 'gdbm-doctor load FILE FILE.db  # makes a database of it',
    };
  }
  if (isBerkeley(head)) {
    return {
      kind: 'berkeley-db',
      what: 'a Berkeley DB database',
      advice:
        'db_dump -p FILE | gdbm-doctor load - FILE.gdbm  # makes a GDBM file of it; db_dump is in the package db-util, and takes -r for -p if it is damaged',
    };
  }
  const packed = identifyPacked(head);
  if (packed !== undefined) return packed;
  if (text.startsWith('PK\x03\x04')) {
    return { kind: 'zip', what: 'a ZIP archive', advice: 'unzip FILE -d FILE.unpacked' };
  }
  const image = imageBySignature(head);
  if (image !== undefined) return { kind: 'image', what: image.what, advice: image.advice };
  if (/^['"b][^\n]*, \(\d+, \d+\)\r?\n/.test(latin1(head))) {
    return {
      kind: 'dumbdbm',
      what: "the index of a Python 'dbm.dumb' database",
      advice: "head -n 3 FILE  # it is text: open it with Python's dbm.dumb; it needs no GDBM repair",
    };
  }
  if (/\.(pag|dir)$/.test(name)) {
    return {
      kind: 'ndbm',
      what: 'part of an ndbm or sdbm database by its name',
      advice: 'ls -la FILE  # open it with the program that made it; it is not in the GDBM format',
    };
  }
  if (head.length > 0 && head.every((byte) => byte === 0)) {
    return {
      kind: 'zeroes',
      what: 'zero bytes only',
      advice: 'gdbm-doctor snapshots FILE  # its contents never reached the disk, or were wiped',
    };
  }
  if (head.length > 0 && isText(head)) {
    return {
      kind: 'text',
      what: 'a text file',
      advice: 'head -n 3 FILE  # check the path: this is not a database',
    };
  }
  return {
    kind: 'unknown',
    what: 'not a GDBM database: nothing in its first block fits the format',
    advice: `${CARVE}; if it was never a GDBM database, check the path`,
  };
}

const MOUNT = 'mkdir FILE.mounted && mount -o ro,loop FILE FILE.mounted  # as root; then take the files out';

/** The kind of image or archive that a file's first bytes say it is. */
function imageBySignature(head: Uint8Array): { what: string; advice: string } | undefined {
  return IMAGES.find(({ marks }) =>
    marks.every(([at, bytes]) => bytes.every((byte, i) => head[at + i] === byte)),
  );
}

/** Images and archives, each by the bytes that it has at some offsets. */
const IMAGES: readonly { marks: [at: number, bytes: number[]][]; what: string; advice: string }[] = [
  {
    marks: [[257, ascii('ustar')]],
    what: 'a tar archive',
    advice: 'mkdir FILE.unpacked && tar -xf FILE -C FILE.unpacked',
  },
  {
    marks: [[0, ascii('070701')]],
    what: 'a cpio archive',
    advice: 'mkdir FILE.unpacked && cpio -id -D FILE.unpacked < FILE',
  },
  {
    // The superblock is at 1024, its magic at 56 of it and its revision, 1 since 1995, at 76.
    marks: [
      [1080, [0x53, 0xef]],
      [1100, [1, 0, 0, 0]],
    ],
    what: 'an image of an ext file system',
    advice: MOUNT,
  },
  { marks: [[0, ascii('XFSB')]], what: 'an image of an XFS file system', advice: MOUNT },
  { marks: [[0, ascii('hsqs')]], what: 'an image of a SquashFS file system', advice: MOUNT },
  {
    marks: [[512, ascii('EFI PART')]],
    what: 'an image of a disk with partitions',
    advice: 'losetup -rP --find --show FILE  # as root; then mount its partitions and take the files out',
  },
  {
    marks: [[0, [...ascii('QFI'), 0xfb]]],
    what: 'a disk image of QEMU',
    advice: 'qemu-img convert -O raw FILE FILE.raw  # makes a plain image of it',
  },
];

function isText(head: Uint8Array): boolean {
  const isShown = (byte: number) =>
    (byte >= 0x20 && byte !== 0x7f) || byte === 9 || byte === 10 || byte === 13;
  if (!head.every(isShown)) return false;
  try {
    // A letter may be cut in two where the head ends.
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function ascii(text: string): number[] {
  return Array.from(text, (letter) => letter.charCodeAt(0));
}
