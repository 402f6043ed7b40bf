import { cached } from './cached.js';
import type { Source } from './source.js';
import { fill, requireRange } from './source.js';
import { firstAfter } from '../numbers.js';

/** A change of all bytes of a file. */
export interface TransformName {
  /** A stable name for programs. */
  readonly name: 'swap16' | 'swap32' | 'halves32' | 'crlf' | 'utf8';
  /** The change as a clause, for people. */
  readonly what: string;
}

/** Changes in words, the last one first. */
export function changesText(changes: readonly TransformName[]): string {
  return changes.map(({ what }) => what).join('; before that, ');
}

/** A change of all bytes of a file, and how it is undone. */
export interface Transform extends TransformName {
  /** True if bytes only changed places in groups of a fixed size: two such changes are another one, or none. */
  readonly isSwap: boolean;
  /** The shell command that undoes it; FILE stands for the file's name. */
  readonly command: string;
  /**
   * The file before the change. Memory: one index entry for each {@link BLOCK} of the file, and a window.
   *
   * @throws SourceError if the source cannot be read
   */
  readonly undo: (source: Source) => Promise<Source>;
}

/** Bytes of the changed file for each index entry; pages that a disk cannot read are whole parts of it. */
const BLOCK = 1 << 14;

const CR = 13;
const LF = 10;

/** Two bytes that were made of one. No byte both ends and begins such a pair. */
interface Pair {
  /** 1 for each byte that may begin a pair. */
  readonly begins: Uint8Array;
  /** The byte of which two were made; -1 if they are no pair. */
  readonly join: (first: number, second: number) => number;
}

export const CRLF: Pair = {
  begins: new Uint8Array(256).fill(1, CR, CR + 1),
  join: (first, second) => (first === CR && second === LF ? LF : -1),
};

/** UTF-8 has the bytes 0x80 to 0xff of Latin-1 as two each: C2 or C3, then 80 to BF. */
export const UTF8: Pair = {
  begins: new Uint8Array(256).fill(1, 0xc2, 0xc4),
  join: (first, second) =>
    (first === 0xc2 || first === 0xc3) && (second & 0xc0) === 0x80
      ? ((first & 3) << 6) | (second & 0x3f)
      : -1,
};

export const TRANSFORMS: readonly Transform[] = [
  {
    name: 'swap16',
    isSwap: true,
    what: "the bytes of each pair were swapped, as 'dd conv=swab' does",
    command: 'dd if=FILE of=FILE.undone conv=swab',
    undo: (source) => Promise.resolve(swapped(source, 2, 1)),
  },
  {
    name: 'swap32',
    isSwap: true,
    what: 'the bytes of each four were put in reverse order',
    command: 'objcopy -I binary -O binary --reverse-bytes=4 FILE FILE.undone',
    undo: (source) => Promise.resolve(swapped(source, 4, 3)),
  },
  {
    name: 'halves32',
    isSwap: true,
    what: 'the halves of each four bytes were swapped',
    command:
      'dd if=FILE of=FILE.swab conv=swab && objcopy -I binary -O binary --reverse-bytes=4 FILE.swab FILE.undone',
    undo: (source) => Promise.resolve(swapped(source, 4, 2)),
  },
  {
    name: 'crlf',
    isSwap: false,
    what: 'every line feed became a carriage return and a line feed, as a copy in text mode makes them',
    command: "LC_ALL=C sed 's/\\r$//' FILE > FILE.undone",
    undo: (source) => joined(source, CRLF),
  },
  {
    name: 'utf8',
    isSwap: false,
    what: 'every byte was taken for a character of Latin-1 and encoded as UTF-8',
    command: 'iconv -f UTF-8 -t LATIN1 FILE > FILE.undone',
    undo: (source) => joined(source, UTF8),
  },
];

/**
 * A source with the bytes of each group in another order. A group that the end of the file cuts stays, as `dd` leaves it.
 *
 * @param mask bits of a byte's number in its group that change: all for the reverse order
 */
export function swapped(source: Source, group: 2 | 4, mask: number): Source {
  const { size } = source;
  const whole: Source = {
    size,
    async readInto(offset, into) {
      requireRange(whole, offset, into.length);
      const from = offset - (offset % group);
      const to = Math.min(size, offset + into.length + group);
      const bytes = await source.read(from, to - from);
      const end = size - (size % group) - from;
      for (let i = 0, at = offset - from; i < into.length; i++, at++) {
        into[i] = bytes[at < end ? at ^ mask : at];
      }
    },
    async read(offset, length) {
      requireRange(whole, offset, length);
      const bytes = new Uint8Array(length);
      await whole.readInto!(offset, bytes);
      return bytes;
    },
    ...(source.unreadable && { unreadable: source.unreadable }),
  };
  return whole;
}

/** A source in which each pair of bytes that was made of one is that byte again; all other bytes stay. */
export async function joined(source: Source, pair: Pair): Promise<Source> {
  const starts = await blockStarts(source, pair);
  const out = new Uint8Array(BLOCK);
  const whole: Source = {
    size: starts[starts.length - 1],
    async readInto(offset, into) {
      requireRange(whole, offset, into.length);
      if (into.length === 0) return;
      let block = firstAfter(starts, offset) - 1;
      for (let at = 0; at < into.length; block++) {
        const { offset: from, length, start, end } = blockPlace(source, block);
        const count = joinBlock(await source.read(from, length), start, end, pair, out);
        const skipped = offset + at - starts[block];
        const part = out.subarray(skipped, Math.min(count, skipped + into.length - at));
        into.set(part, at);
        at += part.length;
      }
    },
    async read(offset, length) {
      requireRange(whole, offset, length);
      const bytes = new Uint8Array(length);
      await whole.readInto!(offset, bytes);
      return bytes;
    },
    ...(source.unreadable && {
      // Whole blocks: the number of bytes that were joined in a block before the range is not known.
      unreadable: () =>
        source.unreadable!().map(({ offset, length }) => {
          const from = starts[Math.floor(offset / BLOCK)];
          return { offset: from, length: starts[Math.ceil((offset + length) / BLOCK)] - from };
        }),
    }),
  };
  return cached(whole);
}

/** The range to read for a block: the block, with the byte before it and the byte behind it where there are. */
function blockPlace({ size }: Source, block: number) {
  const first = block * BLOCK;
  const offset = Math.max(0, first - 1);
  const start = first - offset;
  const end = start + Math.min(BLOCK, size - first);
  return { offset, length: Math.min(end + 1, size - offset), start, end };
}

/**
 * Offsets in the joined file at which the blocks of a source begin, and its size as the last entry. A pair belongs to
 * the block in which it begins.
 */
async function blockStarts(source: Source, pair: Pair): Promise<Float64Array> {
  const blocks = Math.ceil(source.size / BLOCK);
  const starts = new Float64Array(blocks + 1);
  const room = new Uint8Array(BLOCK + 2);
  const out = new Uint8Array(BLOCK);
  for (let block = 0; block < blocks; block++) {
    const { offset, length, start, end } = blockPlace(source, block);
    const bytes = await fill(source, offset, length, room);
    starts[block + 1] = starts[block] + joinBlock(bytes, start, end, pair, out);
  }
  return starts;
}

/**
 * Joins the pairs that begin in a block.
 *
 * @param bytes with the block from `start` to before `end`
 * @returns the number of bytes in `out`
 */
function joinBlock(bytes: Uint8Array, start: number, end: number, pair: Pair, out: Uint8Array): number {
  const { begins, join } = pair;
  const isSecond = start > 0 && join(bytes[start - 1], bytes[start]) >= 0;
  let count = 0;
  for (let i = isSecond ? start + 1 : start; i < end; i++) {
    const byte = bytes[i];
    const one = begins[byte] === 1 && i + 1 < bytes.length ? join(byte, bytes[i + 1]) : -1;
    out[count++] = one < 0 ? byte : one;
    if (one >= 0) i++;
  }
  return count;
}
