import { basename } from 'node:path';
import { machinesOf, layoutOf } from '../format/format.js';
import { shellPath } from '../report/escape.js';
import type { DatabaseFacts, MachineFacts, VolumeFacts, VolumeProblem } from './facts.js';
import { problem } from './facts.js';

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

function empty({ realPath }: VolumeFacts): VolumeProblem {
  return problem(
    'file-empty',
    `Expected a database at ${realPath}, found a file of 0 bytes: a copy or a write that never got anywhere.`,
    `Copy it again from where it is whole, or begin anew: gdbm-doctor repair ${shellPath(realPath)}`,
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
    const opens = kind === 'dumbdbm' ? "Python's dbm.dumb" : 'the ndbm or sdbm library';
    return [
      problem(
        'other-database',
        `Expected a GDBM file at ${realPath}, found the files of a ${kind} database: ${files.join(' and ')}.`,
        `Open it with ${opens}, by its name without the suffix; it needs no GDBM repair.`,
      ),
    ];
  }
  if (contents === undefined) return [];
  const { kind, what, advice } = contents.other;
  const found = `Expected a GDBM file at ${realPath}, found ${what}.`;
  const command = advice.replaceAll('FILE', shellPath(realPath));
  switch (kind) {
    case 'sqlite':
    case 'berkeley-db':
    case 'ndbm':
    case 'dumbdbm':
    case 'gdbm-dump-ascii':
    case 'gdbm-dump-binary':
      return contents.size === 0 ? [] : [problem('other-database', found, command)];
    case 'zeroes':
      return [problem('copy-incomplete', found, command)];
    case 'unknown':
      // It may be a GDBM file that lost its beginning, which the check reports.
      return [];
    default:
      return [problem('other-file', found, command)];
  }
}

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
  const stem = realPath.replace(/\.(dir|dat|pag)$/, '');
  const has = (suffix: string) => siblings.includes(stem + suffix);
  // The path means the file with the bare name.
  if (contents !== undefined && basename(stem) === basename(realPath)) return undefined;
  if (!has('.dir')) return undefined;
  if (has('.dat')) return { kind: 'dumbdbm', files: [`${stem}.dat`, `${stem}.dir`] };
  if (has('.pag')) return { kind: 'ndbm', files: [`${stem}.pag`, `${stem}.dir`] };
  return undefined;
}

function halfCopied({ realPath }: VolumeFacts, database: DatabaseFacts): VolumeProblem[] {
  const { nextBlock, size, blockSize, healthy } = database;
  // gdbm 1.8 does not pad the last block, so a whole file may end within it.
  if (healthy === true && nextBlock - size <= (blockSize ?? DEFAULT_BLOCK)) return [];
  const again = `Stop its program, copy it again and compare with sha256sum; if that is gone: gdbm-doctor repair ${shellPath(realPath)}`;
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
function zeroTail({ realPath, contents, database }: VolumeFacts): VolumeProblem[] {
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
      `Stop its program and copy it again; if that is gone: gdbm-doctor repair ${shellPath(realPath)}`,
    ),
  ];
}

/** Judges whether another kind of machine made the file, by the first difference. */
export function judgeMachine({ realPath, machine, database }: VolumeFacts): VolumeProblem[] {
  if (database === undefined) return [];
  const { byteOrder, offsetBits, alignment, hashChar } = database;
  const path = shellPath(realPath);
  const move =
    (machine.name === undefined
      ? ''
      : `Write it as this machine has it: gdbm-doctor repair --for ${machine.name} ${path}; `) +
    `under a new name: gdbm-doctor convert ${kindOf(machine)} ${path} NEW; ` +
    `or where it was made: gdbm_dump ${path} OUT, and here: gdbm_load OUT NEW`;
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

/** The options with which `convert` writes what this machine reads. */
function kindOf({ name, byteOrder, alignment, hashChar }: MachineFacts): string {
  if (name !== undefined) return `--for ${name}`;
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
