import { OutputBuffer } from '../exchange/dump.js';
import type { DumpReader, Input } from '../exchange/input.js';
import { Arena, DumpError, HELD_LINE, HELD_VALUE } from '../exchange/input.js';
import type { Source } from '../source/source.js';
import { passChunks } from '../source/source.js';
import type { Sink } from '../write/sink.js';

/** A line of an index of dbm.dumb: `'key', (pos, size)`. */
export interface DumbEntry {
  readonly key: Uint8Array;
  /** Offset of the value in NAME.dat. */
  readonly pos: number;
  /** Bytes of the value. */
  readonly size: number;
}

/** Bytes of a block of NAME.dat: a value begins at a multiple of it. */
export const DUMB_BLOCK = 512;

const PLACE = /^\s*,\s*\(\s*(\d{1,15})\s*,\s*(\d{1,15})\s*\)\s*$/;
const ESCAPES: Readonly<Record<string, number>> = {
  '\\': 0x5c,
  "'": 0x27,
  '"': 0x22,
  a: 7,
  b: 8,
  t: 9,
  n: 10,
  v: 11,
  f: 12,
  r: 13,
};

/**
 * Parses a line of an index: a Python string literal without a prefix, one byte a character, and two whole numbers. Python
 * evaluates the line as a literal; this reads only the form that dbm.dumb writes.
 *
 * @param line without its end
 * @returns undefined if it is of another form
 */
export function parseDumbLine(line: Uint8Array): DumbEntry | undefined {
  const quote = line[0];
  if (quote !== 0x27 && quote !== 0x22) return undefined;
  const key = new Uint8Array(line.length);
  let size = 0;
  let at = 1;
  for (; line[at] !== quote; at++) {
    if (at >= line.length) return undefined;
    if (line[at] !== 0x5c) {
      key[size++] = line[at];
      continue;
    }
    const letter = String.fromCharCode(line[++at] ?? 0);
    const known = ESCAPES[letter];
    if (known !== undefined) key[size++] = known;
    else {
      const hex = letter === 'x' ? hexByte(line, at + 1) : undefined;
      if (hex === undefined) return undefined;
      key[size++] = hex;
      at += 2;
    }
  }
  const place = PLACE.exec(String.fromCharCode(...line.subarray(at + 1, at + 1 + LONGEST_PLACE + 1)));
  if (place === null || line.length - at - 1 > LONGEST_PLACE) return undefined;
  return { key: key.subarray(0, size), pos: Number(place[1]), size: Number(place[2]) };
}

/** Characters behind the key at most: two numbers, and spaces. */
const LONGEST_PLACE = 64;

function hexByte(line: Uint8Array, at: number): number | undefined {
  const digits = String.fromCharCode(line[at] ?? 0, line[at + 1] ?? 0);
  return /^[0-9a-f]{2}$/i.test(digits) ? parseInt(digits, 16) : undefined;
}

/**
 * The records of a dbm.dumb, in the order of its index.
 *
 * @param index the lines of NAME.dir
 * @param data NAME.dat
 * @throws DumpError for a line of another form, or one that leads out of the data
 */
export async function* readDumb(index: Input, data: Source): DumpReader['batches'] {
  const arena = new Arena();
  for (;;) {
    const line = await index.takeLine(HELD_LINE);
    if (line === undefined) break;
    const entry = parseDumbLine(line);
    if (entry === undefined) index.failLine(1, "'KEY', (PLACE, SIZE)", 'something else');
    const { key, pos, size } = entry;
    if (pos + size > data.size)
      index.failLine(1, `a place in ${data.size} bytes`, `bytes ${pos} to ${pos + size}`);
    if (arena.isFull || size > HELD_VALUE) {
      if (arena.count > 0) yield arena;
      arena.clear();
    }
    if (size > HELD_VALUE) yield { key, dataSize: size, pieces: keyAndValue(key, data, pos, size) };
    else arena.append(key, await data.read(pos, size));
  }
  if (arena.count > 0) yield arena;
}

async function* keyAndValue(
  key: Uint8Array,
  data: Source,
  pos: number,
  size: number,
): AsyncGenerator<Uint8Array> {
  yield key;
  yield* passChunks(data, pos, size);
}

/** Bytes that are written at once. */
const FLUSH = 1 << 20;
const PADDING = new Uint8Array(DUMB_BLOCK);

/** Writes a dbm.dumb as Python does: each value at the beginning of a block, and a line of the index for it. */
export class DumbWriter {
  readonly #data = new OutputBuffer();
  readonly #index = new OutputBuffer();
  #dataSize = 0;
  #dataWritten = 0;
  #indexWritten = 0;

  /**
   * @param data NAME.dat
   * @param index NAME.dir
   */
  constructor(
    readonly data: Sink,
    readonly index: Sink,
  ) {}

  /** Adds a record whose value comes in pieces. */
  async add(
    key: Uint8Array,
    size: number,
    value: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const padding = (DUMB_BLOCK - (this.#dataSize % DUMB_BLOCK)) % DUMB_BLOCK;
    this.#data.copy(PADDING, 0, padding);
    const pos = this.#dataSize + padding;
    let written = 0;
    for await (const piece of value) {
      this.#data.copy(piece, 0, piece.length);
      written += piece.length;
      await this.#flush(FLUSH);
    }
    if (written !== size) throw new DumpError(`expected a value of ${size} bytes, found ${written}.`);
    this.#dataSize = pos + size;
    this.#index.text(`${dumbKey(key)}, (${pos}, ${size})\n`);
    await this.#flush(FLUSH);
  }

  /** Writes what is still held. */
  finish(): Promise<void> {
    return this.#flush(1);
  }

  async #flush(least: number): Promise<void> {
    if (this.#data.used >= least) {
      const bytes = this.#data.take();
      await this.data.write(this.#dataWritten, bytes);
      this.#dataWritten += bytes.length;
    }
    if (this.#index.used >= least) {
      const bytes = this.#index.take();
      await this.index.write(this.#indexWritten, bytes);
      this.#indexWritten += bytes.length;
    }
  }
}

/** A key as a Python string literal of ASCII. */
function dumbKey(key: Uint8Array): string {
  let text = "'";
  for (const byte of key) {
    const letter = String.fromCharCode(byte);
    if (letter === "'" || letter === '\\') text += `\\${letter}`;
    else text += byte >= 0x20 && byte < 0x7f ? letter : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return `${text}'`;
}
