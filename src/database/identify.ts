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
  'To look for values by their shape alone: gdbm-doctor salvage --carve --expect-key KEY FILE; ' +
  'to keep those with a key: gdbm-doctor repair --include carved --expect-key KEY -o OUT FILE';

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
  const advice = cause === undefined ? other.advice : `Likely cause: ${cause}. ${other.advice}`;
  return withLimit({ ...other, advice }, source);
}

const ZEROES_FIRST: OtherFile = {
  kind: 'unknown',
  what: 'not a GDBM database that can be read: it begins with zero bytes, and nothing behind them fits the format',
  advice: `Its beginning never reached the disk, or was wiped: restore it from a copy. ${CARVE}`,
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
  const advice = isNamed ? other.advice : 'Take the files out of it with the program that made it';
  const whole = databases.find(({ isWhole }) => isWhole);
  const cut =
    whole === undefined
      ? ''
      : `; or cut out the database at ${whole.offset}: tail -c +${whole.offset + 1} FILE | head -c ${whole.size} > OUT`;
  const found = databasesText(databases.map(({ offset }) => offset));
  return { kind: 'image', what: `${what}: ${found}`, advice: advice + cut };
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
      advice: "Open it with 'sqlite3 FILE .recover' if it is damaged; it needs no GDBM repair.",
    };
  }
  if (text.startsWith('# GDBM dump file')) {
    return {
      kind: 'gdbm-dump-ascii',
      what: 'a text dump made by gdbm_dump, not a database',
      advice: "Load it with 'gdbm_load FILE DATABASE'.",
    };
  }
  if (text.startsWith('!\r\n! GDBM FLAT FILE DUMP')) {
    return {
      kind: 'gdbm-dump-binary',
      what: 'a binary dump made by gdbm_dump or gdbm_export, not a database',
      advice: "Load it with 'gdbm_load FILE DATABASE'.",
    };
  }
  if (isBerkeley(head)) {
    return {
      kind: 'berkeley-db',
      what: 'a Berkeley DB database',
      advice: "Use Berkeley DB's own db_recover or 'db_dump -r FILE'.",
    };
  }
  const packed = identifyPacked(head);
  if (packed !== undefined) return packed;
  if (text.startsWith('PK\x03\x04')) {
    return { kind: 'zip', what: 'a ZIP archive', advice: 'Unpack it first.' };
  }
  const image = imageBySignature(head);
  if (image !== undefined) return { kind: 'image', what: image.what, advice: image.advice };
  if (/^['"b][^\n]*, \(\d+, \d+\)\r?\n/.test(latin1(head))) {
    return {
      kind: 'dumbdbm',
      what: "the index of a Python 'dbm.dumb' database",
      advice: "It is text: open it with Python's dbm.dumb; it needs no GDBM repair.",
    };
  }
  if (/\.(pag|dir)$/.test(name)) {
    return {
      kind: 'ndbm',
      what: 'part of an ndbm or sdbm database by its name',
      advice: 'Open it with the program that made it; it is not in the GDBM format.',
    };
  }
  if (head.length > 0 && head.every((byte) => byte === 0)) {
    return {
      kind: 'zeroes',
      what: 'zero bytes only',
      advice: 'Its contents never reached the disk, or were wiped: restore it from a copy.',
    };
  }
  if (head.length > 0 && isText(head)) {
    return { kind: 'text', what: 'a text file', advice: 'Check the path: this is not a database.' };
  }
  return {
    kind: 'unknown',
    what: 'not a GDBM database: nothing in its first block fits the format',
    advice: `Check the path. If it once was a GDBM database, its beginning is gone. ${CARVE}`,
  };
}

const MOUNT = 'Mount it read-only and take the files out: mount -o ro,loop FILE DIRECTORY';

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
    advice: 'Unpack it into a new folder first: mkdir NEW && tar -xf FILE -C NEW',
  },
  { marks: [[0, ascii('070701')]], what: 'a cpio archive', advice: 'Unpack it first: cpio -id < FILE' },
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
    advice: 'Attach it read-only and take the files out: losetup -rP --find --show FILE',
  },
  {
    marks: [[0, [...ascii('QFI'), 0xfb]]],
    what: 'a disk image of QEMU',
    advice: 'Make a plain one of it first: qemu-img convert -O raw FILE OUT',
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
