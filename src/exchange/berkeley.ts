import type { DumpBatch, DumpReader, Input, LargeRecord } from './input.js';
import { Arena, HELD_LINE } from './input.js';

const LONGEST_FIELD = 4096;
/** The fields of the header that matter here. */
const FIELDS = ['VERSION', 'format', 'type', 'keys'];
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const BACKSLASH = 0x5c;

/**
 * Reads a dump of Berkeley DB's `db_dump`: fields, `HEADER=END`, then a line each for keys and values, which begins
 * with a space and holds hexadecimal digits (`format=bytevalue`) or text with `\xx` and `\\` in it (`format=print`),
 * and `DATA=END`.
 */
export async function readBerkeleyDump(input: Input): Promise<DumpReader> {
  const fields = new Map<string, string>();
  for (;;) {
    const taken = await input.takeLine(LONGEST_FIELD);
    if (taken === undefined) input.fail('"HEADER=END"', 'the end of the input');
    const line = new TextDecoder('latin1').decode(taken);
    if (line === 'HEADER=END') break;
    const equals = line.indexOf('=');
    if (equals < 1) input.failLine(1, 'NAME=VALUE or "HEADER=END"', `"${line.slice(0, 20)}"`);
    const name = line.slice(0, equals);
    // Not all: a header can have lines without end.
    if (FIELDS.includes(name)) fields.set(name, line.slice(equals + 1));
    if (line.startsWith('VERSION=') && line !== 'VERSION=3') input.failLine(9, '3', `"${line.slice(8, 28)}"`);
  }
  const form = fields.get('format') ?? 'bytevalue';
  if (form !== 'bytevalue' && form !== 'print') {
    input.failLine(1, 'format=bytevalue or format=print', `"${form.slice(0, 20)}"`);
  }
  const type = fields.get('type') ?? 'hash';
  // Numbered records have no keys of their own in a dump.
  if ((type !== 'hash' && type !== 'btree') || fields.get('keys') === '0') {
    input.failLine(1, 'type=hash or type=btree with keys', `type=${type.slice(0, 20)} without`);
  }
  return { header: { kind: 'bdb' }, batches: berkeleyRecords(input, form === 'print') };
}

async function* berkeleyRecords(input: Input, print: boolean): AsyncGenerator<DumpBatch | LargeRecord> {
  const arena = new Arena();
  const decoder = print ? PRINTED : HEX;
  const datum = async (what: string): Promise<Uint8Array | undefined> => {
    const line = await input.takeLine(HELD_LINE);
    if (line === undefined) input.fail(`a line with ${what}, or "DATA=END"`, 'the end: the dump is cut off');
    if (line[0] === SPACE) {
      const { bytes, stop } = decoder.decode(line, 1, line.length);
      if (stop < line.length) input.failLine(stop + 1, decoder.expected, 'something else');
      return bytes;
    }
    if (new TextDecoder('latin1').decode(line.subarray(0, 20)) !== 'DATA=END') {
      input.failLine(1, `a space before ${what}, or "DATA=END"`, 'neither');
    }
    return undefined;
  };
  for (;;) {
    const key = await datum('a key');
    if (key === undefined) break;
    if (!(await input.hasLine(HELD_LINE)) && input.bytes[input.pos] === SPACE) {
      if (arena.count > 0) yield arena;
      arena.clear();
      yield { key, dataSize: undefined, pieces: longRecord(input, key, decoder) };
      continue;
    }
    const value = await datum('a value');
    if (value === undefined) input.failLine(1, 'the value that belongs to the last key', '"DATA=END"');
    arena.append(key, value);
    if (!arena.isFull) continue;
    yield arena;
    arena.clear();
  }
  // More databases may follow in one dump; only a file of one can be loaded as one.
  const more = await input.takeLine(LONGEST_FIELD);
  if (more !== undefined && more.length > 0) {
    input.failLine(1, 'the end after "DATA=END"', 'more; split the dump into one file for each database');
  }
  if (arena.count > 0) yield arena;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** Decodes a part of a line. */
interface Decoder {
  /** The expected text, for an error message. */
  readonly expected: string;
  /** The most characters that stand for one byte. */
  readonly width: number;
  /** Decodes from `from` on; `stop` is `end`, or where something stands that is wrong or not there as a whole. */
  decode(line: Uint8Array, from: number, end: number): { bytes: Uint8Array; stop: number };
}

const HEX: Decoder = {
  expected: 'two hexadecimal digits for each byte',
  width: 2,
  decode(line, from, end) {
    const bytes = new Uint8Array((end - from) >> 1);
    let size = 0;
    let at = from;
    for (; at + 1 < end; at += 2) {
      const high = hexDigit(line[at]);
      const low = hexDigit(line[at + 1]);
      if (high < 0 || low < 0) break;
      bytes[size++] = (high << 4) | low;
    }
    return { bytes: bytes.subarray(0, size), stop: at };
  },
};

const PRINTED: Decoder = {
  expected: '"\\\\" or two hexadecimal digits behind "\\"',
  width: 3,
  decode(line, from, end) {
    const bytes = new Uint8Array(end - from);
    let size = 0;
    let at = from;
    while (at < end) {
      if (line[at] !== BACKSLASH) bytes[size++] = line[at++];
      else if (at + 1 < end && line[at + 1] === BACKSLASH) {
        bytes[size++] = BACKSLASH;
        at += 2;
      } else {
        const high = at + 2 < end ? hexDigit(line[at + 1]) : -1;
        const low = at + 2 < end ? hexDigit(line[at + 2]) : -1;
        if (high < 0 || low < 0) break;
        bytes[size++] = (high << 4) | low;
        at += 3;
      }
    }
    return { bytes: bytes.subarray(0, size), stop: at };
  },
};

/** The key, and the value of the line at `pos`, which is too long to be held. */
async function* longRecord(input: Input, key: Uint8Array, decoder: Decoder): AsyncGenerator<Uint8Array> {
  yield key;
  input.pos++;
  for (;;) {
    const newline = input.bytes.subarray(0, input.end).indexOf(NEWLINE, input.pos);
    const end = newline < 0 ? input.end : newline;
    const last = end > input.pos && input.bytes[end - 1] === RETURN ? end - 1 : end;
    const { bytes, stop } = decoder.decode(input.bytes, input.pos, last);
    input.pos = stop;
    yield bytes;
    if (stop < last && (newline >= 0 || last - stop >= decoder.width)) {
      input.fail(decoder.expected, 'something else');
    }
    if (newline >= 0) {
      input.pos = newline + 1;
      input.newline();
      return;
    }
    if (!(await input.more())) input.fail('the end of the line', 'the end of the input: it is cut off');
  }
}
