import { machinesOf, layoutOf } from '../format/format.js';
import { shellPath } from '../report/escape.js';
import type { DatabaseFacts, MachineFacts, VolumeFacts, VolumeProblem } from './facts.js';
import { problem } from './facts.js';

/** The last part of an absolute POSIX path, without Node. */
export function basename(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Fewer blocks of zero bytes at the end than this are free space as libgdbm leaves it. */
const ZERO_BLOCKS = 2;
/** And a smaller share of the file than this. */
const ZERO_SHARE = 1 / 8;
const DEFAULT_BLOCK = 4096;

/** Whether the file is a whole GDBM file, half of one, or something else. */
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

/** A database that no repair of GDBM is for, or no database. */
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
    case 'gzip':
    case 'zip':
    case 'image':
    case 'text':
      return [problem('other-file', found, command)];
    case 'zeroes':
      return [problem('copy-incomplete', found, command)];
    case 'unknown':
      // It may be a GDBM file that lost its beginning; the check says that.
      return [];
  }
}

/**
 * The kind of database whose pair of files stands under the path's name: Python's dbm.dumb has NAME.dir and NAME.dat,
 * ndbm and sdbm have NAME.dir and NAME.pag.
 */
export function otherBySiblings({
  realPath,
  siblings,
  gdbmSibling,
  contents,
}: VolumeFacts): { kind: 'dumbdbm' | 'ndbm'; files: string[] } | undefined {
  // Libgdbm's ndbm interface has such a pair, and its NAME.pag is a GDBM file.
  if (contents?.hasMagic === true || gdbmSibling !== undefined) return undefined;
  const stem = realPath.replace(/\.(dir|dat|pag)$/, '');
  const has = (suffix: string) => siblings.includes(stem + suffix);
  // A file under the bare name is what the path means.
  if (contents !== undefined && basename(stem) === basename(realPath)) return undefined;
  if (!has('.dir')) return undefined;
  if (has('.dat')) return { kind: 'dumbdbm', files: [`${stem}.dat`, `${stem}.dir`] };
  if (has('.pag')) return { kind: 'ndbm', files: [`${stem}.pag`, `${stem}.dir`] };
  return undefined;
}

function halfCopied({ realPath }: VolumeFacts, database: DatabaseFacts): VolumeProblem[] {
  const { nextBlock, size, blockSize, healthy } = database;
  // gdbm 1.8 does not pad the last block: a whole file that ends within it lacks nothing.
  if (healthy === true && nextBlock - size <= (blockSize ?? DEFAULT_BLOCK)) return [];
  const again = `Stop its program, copy it again and compare with sha256sum; if that is gone: gdbm-doctor repair ${shellPath(realPath)}`;
  const whole = (n: number) => blockSize === undefined || blockSize <= 0 || n % blockSize === 0;
  // An end that is between blocks is a damaged header, not what a copy was cut off from.
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

/** An end of zero bytes: of a copy that made room first and was then broken off, or of a crash. */
function zeroTail({ realPath, contents, database }: VolumeFacts): VolumeProblem[] {
  if (contents === undefined || database?.healthy === true) return [];
  const { size, zeroTail: zeroes } = contents;
  // Behind its own end libgdbm itself leaves zero bytes, when it is killed while the file grows.
  const beyond = Math.max(0, size - (database?.nextBlock ?? size));
  const tail = zeroes - beyond;
  const least = Math.max(
    ZERO_BLOCKS * (database?.blockSize ?? DEFAULT_BLOCK),
    // Without a check only a file that is mostly empty tells.
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

/** Whether the file was made by a machine of another kind than this one. The first difference says it. */
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

/** The options that make `convert` write what this machine reads. */
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
