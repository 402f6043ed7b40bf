import { basename } from 'node:path';
import { machinesOf, layoutOf } from '../format/format.js';
import { named } from '../report/advice.js';
import { shellPath } from '../report/escape.js';
import type { DatabaseFacts, MachineFacts, VolumeFacts, VolumeProblem } from './facts.js';
import { problem } from './facts.js';
import { remarked } from './remedy.js';

/** Blocks of zero bytes at the end of a broken copy, at least; libgdbm leaves fewer as free space. */
const ZERO_BLOCKS = 2;
/** Share of zero bytes at the end of a broken copy, at least. */
const ZERO_SHARE = 1 / 8;
const DEFAULT_BLOCK = 4096;

/** Judges whether the file is a whole GDBM file, half of one, or something else. */
export function judgeContents(facts: VolumeFacts): VolumeProblem[] {
  const { contents, database } = facts;
  if (database !== undefined) return [...halfCopied(facts, database), ...zeroTail(facts)];
  const other = otherKind(facts);
  if (other.length > 0 || contents === undefined) return other;
  if (contents.size === 0) return [empty(facts)];
  return zeroTail(facts);
}

function empty({ realPath, betterCopy }: VolumeFacts): VolumeProblem {
  const begin = `gdbm-doctor repair ${shellPath(realPath)}`;
  return problem(
    'file-empty',
    `Expected a database at ${realPath}, found a file of 0 bytes: a copy or a write that never got anywhere.`,
    betterCopy ?? remarked(begin, 'begins anew; if it is whole elsewhere, copy it again instead'),
  );
}

/** Judges a file that is another kind of database, or none. */
function otherKind(facts: VolumeFacts): VolumeProblem[] {
  const { realPath, contents, state } = facts;
  if (contents?.hasMagic === true) return [];
  if (state !== 'missing' && contents === undefined) return [];
  const bySiblings = otherBySiblings(facts);
  if (bySiblings !== undefined) {
    const { kind, files } = bySiblings;
    const module = kind === 'dumbdbm' ? 'dbm.dumb' : 'dbm.ndbm';
    const stem = shellPath(realPath.replace(PAIR_SUFFIX, ''));
    const count = `python3 -c 'import ${module} as m, sys; print(len(m.open(sys.argv[1]).keys()))' ${stem}`;
    return [
      problem(
        'other-database',
        `Expected a GDBM file at ${realPath}, found the files of a ${kind} database: ${files.join(' and ')}.`,
        remarked(
          count,
          `counts its records; open it with ${module}, by the name without a suffix; it needs no GDBM repair`,
        ),
      ),
    ];
  }
  if (facts.berkeleySibling !== undefined || contents?.other.kind === 'berkeley-db') return [berkeley(facts)];
  if (contents === undefined) return [];
  const { kind, what, advice } = contents.other;
  const found = `Expected a GDBM file at ${realPath}, found ${what}.`;
  const command = named(advice, realPath);
  switch (kind) {
    case 'sqlite':
    case 'ndbm':
    case 'dumbdbm':
    case 'gdbm-dump-ascii':
    case 'gdbm-dump-binary':
      return contents.size === 0 ? [] : [problem('other-database', found, command)];
    case 'zeroes':
      return [problem('copy-incomplete', found, facts.betterCopy ?? command)];
    case 'unknown':
      // It may be a GDBM file that lost its beginning, which the check reports.
      return [];
    default:
      return [problem('other-file', found, command)];
  }
}

/**
 * Judges a Berkeley DB. Debian's Python without python3-gdbm makes one with dbm.ndbm, under the program's name with `.db`;
 * once a GDBM file has the name itself, NAME.db would still be opened in its place.
 */
function berkeley({ realPath, berkeleySibling }: VolumeFacts): VolumeProblem {
  const file = berkeleySibling ?? realPath;
  const name = file.replace(/\.db$/, '');
  const isOfName = name !== file;
  const target = isOfName ? name : `${file}.gdbm`;
  const load = `db_dump -p ${shellPath(file)} | gdbm-doctor load - ${shellPath(target)}`;
  const aside = isOfName ? ` && mv ${shellPath(file)} ${shellPath(`${file}.old`)}` : '';
  const made = isOfName
    ? `; Python's dbm.ndbm makes it of the name ${name} where python3-gdbm is missing`
    : '';
  return problem(
    'other-database',
    `Expected a GDBM file at ${realPath}, found a Berkeley DB database${file === realPath ? '' : ` at ${file}`}${made}.`,
    remarked(
      load + aside,
      `makes a GDBM file of it, for Python with python3-gdbm; db_dump is in the package db-util, and takes -r for -p if it is damaged`,
    ),
  );
}

/** Suffixes of the files of a pair, whose program uses the name without it. */
const PAIR_SUFFIX = /\.(dir|dat|pag)$/;

/**
 * The kind of database that is a pair of files with the path's name: NAME.dir and NAME.dat for Python's dbm.dumb, NAME.dir
 * and NAME.pag for ndbm and sdbm.
 */
export function otherBySiblings({
  realPath,
  siblings,
  gdbmSibling,
  contents,
}: VolumeFacts): { kind: 'dumbdbm' | 'ndbm'; files: string[] } | undefined {
  // Libgdbm's ndbm interface makes such a pair, too, and its NAME.pag is a GDBM file.
  if (contents?.hasMagic === true || gdbmSibling !== undefined) return undefined;
  const stem = realPath.replace(PAIR_SUFFIX, '');
  const has = (suffix: string) => siblings.includes(stem + suffix);
  // The path means the file with the bare name.
  if (contents !== undefined && basename(stem) === basename(realPath)) return undefined;
  if (!has('.dir')) return undefined;
  if (has('.dat')) return { kind: 'dumbdbm', files: [`${stem}.dat`, `${stem}.dir`] };
  if (has('.pag')) return { kind: 'ndbm', files: [`${stem}.pag`, `${stem}.dir`] };
  return undefined;
}

/** The better way where the whole file exists elsewhere. */
const COPY_AGAIN =
  'if it is whole elsewhere, stop its program, copy it again and compare with sha256sum instead';

function halfCopied({ realPath, betterCopy }: VolumeFacts, database: DatabaseFacts): VolumeProblem[] {
  const { nextBlock, size, blockSize, healthy } = database;
  // gdbm 1.8 does not pad the last block, so a whole file may end within it.
  if (healthy === true && nextBlock - size <= (blockSize ?? DEFAULT_BLOCK)) return [];
  const again = betterCopy ?? remarked(`gdbm-doctor repair ${shellPath(realPath)}`, COPY_AGAIN);
  const whole = (n: number) => blockSize === undefined || blockSize <= 0 || n % blockSize === 0;
  // A next_block between two blocks is a damaged header, not the size of a whole file.
  if (nextBlock > size && whole(nextBlock)) {
    return [
      problem(
        'copy-incomplete',
        `Expected ${nextBlock} bytes as the file's own header says, found ${size}: it was half copied, or cut off.`,
        again,
      ),
    ];
  }
  if (whole(size)) return [];
  return [
    problem(
      'size-not-whole-blocks',
      `Expected a multiple of the block size, ${blockSize} bytes, found a file of ${size}: it was cut off or added to.`,
      again,
    ),
  ];
}

/** Judges zero bytes at the end: a broken copy that allocated its space first, or a crash. */
function zeroTail({ realPath, contents, database, betterCopy }: VolumeFacts): VolumeProblem[] {
  if (contents === undefined || database?.healthy === true) return [];
  const { size, zeroTail: zeroes } = contents;
  // libgdbm leaves zero bytes behind the end of the database if it is killed while the file grows.
  const beyond = Math.max(0, size - (database?.nextBlock ?? size));
  const tail = zeroes - beyond;
  const least = Math.max(
    ZERO_BLOCKS * (database?.blockSize ?? DEFAULT_BLOCK),
    // Without a check only a mostly empty file is conclusive.
    size * (database === undefined ? 1 / 2 : ZERO_SHARE),
  );
  if (tail < least) return [];
  return [
    problem(
      'tail-zero',
      `Expected data up to the end of ${realPath}, found that its last ${tail} of ${size} bytes are zero: a copy was ` +
        `broken off, or a crash lost what was not yet on the disk.`,
      betterCopy ?? remarked(`gdbm-doctor repair ${shellPath(realPath)}`, COPY_AGAIN),
    ),
  ];
}

/** Judges whether another kind of machine made the file, by the first difference. */
export function judgeMachine({ realPath, machine, database }: VolumeFacts): VolumeProblem[] {
  if (database === undefined) return [];
  const { byteOrder, offsetBits, alignment, hashChar } = database;
  const path = shellPath(realPath);
  const move = remarked(
    machine.name === undefined
      ? `gdbm-doctor convert ${kindOf(machine)} ${path} ${shellPath(`${realPath}.converted`)}`
      : `gdbm-doctor repair --for ${machine.name} ${path}`,
    'writes it as this machine has it, with every record',
  );
  if (byteOrder !== machine.byteOrder) {
    return [
      problem(
        'foreign-byte-order',
        `Expected a ${machine.byteOrder}-endian file on this machine (${machine.arch}), found a ${byteOrder}-endian one, ` +
          `made by ${makers(database)}: libgdbm here does not open it.`,
        move,
      ),
    ];
  }
  const layout = (bits: number, bytes: number | undefined) =>
    `${bits}-bit offsets${bits === 64 && bytes !== undefined ? ` aligned to ${bytes} bytes` : ''}`;
  const aligned = alignment === undefined || offsetBits === 32 || alignment === machine.alignment;
  if (machine.alignment !== undefined && (offsetBits !== 64 || !aligned)) {
    return [
      problem(
        'foreign-layout',
        `Expected ${layout(64, machine.alignment)} on this machine (${machine.arch}), found ` +
          `${layout(offsetBits, alignment)}, made by ${makers(database)}: libgdbm here does not open it or misreads it.`,
        move,
      ),
    ];
  }
  if (hashChar === 'undetermined' || machine.hashChar === undefined || hashChar === machine.hashChar)
    return [];
  return [
    problem(
      'foreign-hash',
      `Expected keys hashed with ${machine.hashChar} char on this machine (${machine.arch}), found ${hashChar} char ` +
        `(${hashChar === 'signed' ? 'x86' : 'ARM, s390x, POWER and RISC-V'}): libgdbm here opens it, and does not find ` +
        `keys with bytes of 0x80 and more.`,
      move,
    ),
  ];
}

/** The options with which `convert` writes what a machine without a name reads. */
function kindOf({ byteOrder, alignment, hashChar }: MachineFacts): string {
  return [
    `--byte-order ${byteOrder} --offset 64`,
    ...(alignment === undefined ? [] : [`--alignment ${alignment}`]),
    ...(hashChar === undefined ? [] : [`--hash-char ${hashChar}`]),
  ].join(' ');
}

function makers({ byteOrder, offsetBits, alignment }: DatabaseFacts): string {
  const layout = layoutOf(offsetBits, offsetBits === 32 ? 4 : (alignment ?? 8));
  return machinesOf({ byteOrder, layout, variant: 'standard' });
}
