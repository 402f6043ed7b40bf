import { MAX_SIZE } from '../format/bucket.js';
import { MACHINES } from '../format/machines.js';
import type { MachineName } from '../format/machines.js';
import type { DumpWriter } from './dump.js';
import type { DumpBatch, DumpReader, Input, LargeRecord } from './input.js';
import { Arena, HELD_VALUE, LONGEST_KEY, PIECE } from './input.js';

/**
 * The form of a length: always an `unsigned long` of the writing machine that holds the length as 32 bits in network
 * order. `le64`: four bytes and four zeroes. `be64`: four zeroes and four bytes. `long32`: four bytes.
 */
type LengthForm = 'le64' | 'be64' | 'long32';

/** The form of the lengths in a binary dump of a machine. */
export function lengthFormOf(machine: MachineName): LengthForm {
  const { longBits, byteOrder } = MACHINES[machine];
  if (longBits === 32) return 'long32';
  return byteOrder === 'little' ? 'le64' : 'be64';
}

export const LENGTH_FORMS: readonly LengthForm[] = ['le64', 'be64', 'long32'];

/** Bytes of a length, and where in it the 32 bits are. */
const SHAPE: Readonly<Record<LengthForm, { size: number; at: number }>> = {
  le64: { size: 8, at: 0 },
  be64: { size: 8, at: 4 },
  long32: { size: 4, at: 0 },
};

/** Bytes from which the form of the lengths is inferred. */
const SAMPLE = 1 << 16;
const LONGEST_LINE = 4096;
const STEP = 1 << 20;
const MARK = 0x21;

/** Writes a length; gives where the next byte goes. */
function encodeLength(form: LengthForm, length: number, into: Uint8Array, at: number): number {
  const { size, at: place } = SHAPE[form];
  into.fill(0, at, at + size);
  into[at + place] = length >>> 24;
  into[at + place + 1] = length >>> 16;
  into[at + place + 2] = length >>> 8;
  into[at + place + 3] = length;
  return at + size;
}

/** Reads a length; undefined where the bytes are none of this form. */
function decodeLength(form: LengthForm, bytes: Uint8Array, at: number): number | undefined {
  const { size, at: place } = SHAPE[form];
  for (let i = 0; i < size; i++) if ((i < place || i >= place + 4) && bytes[at + i] !== 0) return undefined;
  const p = at + place;
  const length = ((bytes[p] << 24) | (bytes[p + 1] << 16) | (bytes[p + 2] << 8) | bytes[p + 3]) >>> 0;
  return length <= MAX_SIZE ? length : undefined;
}

/**
 * Reads a dump as `gdbm_dump -H binary` writes it: lines that begin with `!`, the first and the last of them with
 * nothing else, then lengths and bytes to the end. The form of the lengths is inferred from the first of them.
 */
export async function readBinaryDump(input: Input): Promise<DumpReader> {
  for (let n = 0; ; n++) {
    if (!(await input.need(1)) || input.bytes[input.pos] !== MARK) {
      input.fail(
        'a line that begins with "!", and one with nothing else before the data',
        input.describeNext(),
      );
    }
    const line = (await input.takeLine(LONGEST_LINE))!;
    if (n > 0 && line.length === 1) break;
  }
  await input.need(SAMPLE);
  const form = lengthForm(input.bytes.subarray(input.pos, input.end));
  return { header: { kind: 'binary' }, batches: records(input, form) };
}

/**
 * The form that most of the beginning agrees with. Several may: in a dump of empty records, or where a key begins
 * with zeroes; then the first of {@link LENGTH_FORMS}.
 */
function lengthForm(bytes: Uint8Array): LengthForm {
  let best: LengthForm = 'le64';
  let furthest = -1;
  for (const form of LENGTH_FORMS) {
    const reached = agreement(form, bytes);
    if (reached > furthest) [best, furthest] = [form, reached];
  }
  return best;
}

/** The number of bytes that are lengths of this form with their data; one more if these end with the bytes. */
function agreement(form: LengthForm, bytes: Uint8Array): number {
  const { size } = SHAPE[form];
  let at = 0;
  let data = 0;
  while (at + size <= bytes.length) {
    const length = decodeLength(form, bytes, at);
    if (length === undefined) return at;
    if (at + size + length > bytes.length) {
      // The data go on behind what is looked at, or end where they should not.
      return bytes.length >= SAMPLE && length < 1 << 28 ? bytes.length : at;
    }
    at += size + length;
    data++;
  }
  return at === bytes.length && data % 2 === 0 ? at + 1 : at;
}

async function* records(input: Input, form: LengthForm): AsyncGenerator<DumpBatch | LargeRecord> {
  const { size } = SHAPE[form];
  const arena = new Arena();
  const length = async (what: string): Promise<number> => {
    if (!(await input.need(size))) {
      input.failAt(input.offset, `${size} bytes, the length of ${what}`, 'the end: the dump is cut off');
    }
    const found = decodeLength(form, input.bytes, input.pos);
    if (found === undefined) {
      input.failAt(
        input.offset,
        `the length of ${what}, 0 to ${MAX_SIZE}`,
        hex(input.bytes, input.pos, size),
      );
    }
    input.pos += size;
    return found;
  };
  /** Copies up to `limit` bytes; what a length says takes no memory before the bytes are there. */
  const copy = async (into: Uint8Array, at: number, limit: number): Promise<void> => {
    for (let filled = at; filled < limit;) {
      if (!(await input.need(1))) {
        input.failAt(
          input.offset,
          `${limit - filled} bytes more of a record`,
          'the end: the dump is cut off',
        );
      }
      const part = Math.min(limit - filled, input.end - input.pos);
      into.set(input.bytes.subarray(input.pos, input.pos + part), filled);
      input.pos += part;
      filled += part;
    }
  };
  const hold = async (count: number): Promise<void> => {
    for (let left = count; left > 0;) {
      const part = Math.min(left, STEP);
      arena.reserve(part);
      await copy(arena.bytes, arena.used, arena.used + part);
      arena.used += part;
      left -= part;
    }
  };
  async function* large(key: Uint8Array, dataSize: number): AsyncGenerator<Uint8Array> {
    yield key;
    const piece = new Uint8Array(PIECE);
    for (let left = dataSize; left > 0; left -= PIECE) {
      const part = Math.min(left, PIECE);
      await copy(piece, 0, part);
      yield piece.subarray(0, part);
    }
  }
  for (;;) {
    takeWhole(input, form, arena);
    if (arena.isFull) {
      yield arena;
      arena.clear();
      continue;
    }
    if (!(await input.need(1))) break;
    const from = arena.used;
    const keySize = await length('a key');
    if (keySize > LONGEST_KEY) {
      input.failAt(input.offset - size, `a key of at most ${LONGEST_KEY} bytes`, `${keySize}`);
    }
    await hold(keySize);
    const dataSize = await length('a value');
    if (dataSize > HELD_VALUE) {
      const key = arena.bytes.slice(from, from + keySize);
      if (arena.count > 0) yield arena;
      arena.clear();
      yield { key, dataSize, pieces: large(key, dataSize) };
      continue;
    }
    await hold(dataSize);
    arena.add(keySize, dataSize);
  }
  if (arena.count > 0) yield arena;
}

/** Takes records that are in memory as a whole; stops before a large one, and before a length that is none. */
function takeWhole(input: Input, form: LengthForm, arena: Arena): void {
  const { bytes, end } = input;
  const { size } = SHAPE[form];
  while (!arena.isFull) {
    const keyAt = input.pos + size;
    const keySize = keyAt <= end ? decodeLength(form, bytes, input.pos) : undefined;
    if (keySize === undefined || keyAt + keySize + size > end) return;
    const valueAt = keyAt + keySize + size;
    const dataSize = decodeLength(form, bytes, keyAt + keySize);
    if (dataSize === undefined || dataSize > HELD_VALUE || valueAt + dataSize > end) return;
    arena.append(bytes.subarray(keyAt, keyAt + keySize), bytes.subarray(valueAt, valueAt + dataSize));
    input.pos = valueAt + dataSize;
  }
}

function hex(bytes: Uint8Array, at: number, count: number): string {
  return Array.from(bytes.subarray(at, at + count), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/**
 * Writes a dump as `gdbm_dump -H binary` does, including its third line: this tells readers the form of the dump, and
 * is that of the version with which the form was measured.
 */
export function binaryWriter(form: LengthForm): DumpWriter {
  return {
    head(out) {
      out.text(
        '!\r\n! GDBM FLAT FILE DUMP -- THIS IS NOT A TEXT FILE\r\n! GDBM version 1.23. 04/02/2022\r\n!\r\n',
      );
    },
    begin(out, _which, size) {
      out.reserve(8);
      out.used = encodeLength(form, size, out.bytes, out.used);
    },
    piece(out, bytes, from, to) {
      out.copy(bytes, from, to);
    },
    end() {},
    tail() {},
  };
}
