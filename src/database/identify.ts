import type { Source } from '../source/source.js';
import { passChunks, readUpTo } from '../source/source.js';

/** Bytes that a file is told by. */
const HEAD = 4096;

/** A file that is no GDBM database, named for what it is. */
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
    | 'zip'
    | 'zeroes'
    | 'text'
    | 'unknown';
  /** What it is, for people. */
  readonly what: string;
  /** What to do next. */
  readonly advice: string;
}

/** Kinds that a file says itself that it is, so that nothing of GDBM is to be looked for in it. */
const DECLARED: readonly OtherFile['kind'][] = [
  'sqlite',
  'berkeley-db',
  'dumbdbm',
  'gdbm-dump-ascii',
  'gdbm-dump-binary',
  'gzip',
  'zip',
];

/** Whether the file's own first bytes say that it is of this kind. */
export function isDeclared({ kind }: OtherFile): boolean {
  return DECLARED.includes(kind);
}

const BERKELEY_MAGICS = [0x00053162, 0x00061561, 0x00042253, 0x00040988];

const CARVE =
  'To look for values by their shape alone: gdbm-doctor salvage --carve --expect-key KEY; ' +
  'to keep those with a key: gdbm-doctor repair --include carved -o OUT.';

/**
 * Names a file that is not GDBM by its bytes, and by its name where they say nothing.
 *
 * @param name the file's name, a hint only
 * @throws SourceError if the source cannot be read
 */
export async function identifySource(source: Source, name = ''): Promise<OtherFile> {
  const other = identifyOther(await readUpTo(source, 0, HEAD), name);
  if (other.kind !== 'zeroes' || (await isZero(source))) return other;
  return {
    kind: 'unknown',
    what: 'not a GDBM database that can be read: it begins with zero bytes, and nothing behind them fits the format',
    advice: `Its beginning never reached the disk, or was wiped: restore it from a copy. ${CARVE}`,
  };
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
  if (text.startsWith('SQLite format 3\0')) {
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
  if (head[0] === 0x1f && head[1] === 0x8b) {
    return { kind: 'gzip', what: 'a gzip-compressed file', advice: 'Decompress it first: gunzip FILE.' };
  }
  if (text.startsWith('PK\x03\x04')) {
    return { kind: 'zip', what: 'a ZIP archive', advice: 'Unpack it first.' };
  }
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

function isBerkeley(head: Uint8Array): boolean {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  // Version 1.85 has its magic at 0, later ones at 12, in the byte order of the machine.
  return [0, 12].some(
    (at) =>
      head.length >= at + 4 &&
      (BERKELEY_MAGICS.includes(view.getUint32(at, true)) ||
        BERKELEY_MAGICS.includes(view.getUint32(at, false))),
  );
}

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

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
}
