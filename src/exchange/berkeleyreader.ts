import { MAX_SIZE } from '../format/bucket.js';
import type { Input } from './input.js';
import type { DumpBatch, DumpReader } from './record.js';
import { Arena } from './record.js';

/** Lines hold a whole key or value. */
const LONGEST_LINE = 2 * MAX_SIZE;
const LONGEST_FIELD = 4096;

/**
 * Reads a dump of Berkeley DB's `db_dump`: fields, `HEADER=END`, then a line each for keys and values, which begins with a
 * space and holds hexadecimal digits (`format=bytevalue`) or text with `\xx` and `\\` in it (`format=print`), and `DATA=END`.
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
    fields.set(line.slice(0, equals), line.slice(equals + 1));
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

async function* berkeleyRecords(input: Input, print: boolean): AsyncGenerator<DumpBatch> {
  const arena = new Arena();
  const decode = print ? decodePrinted : decodeHex;
  const datum = async (what: string): Promise<Uint8Array | undefined> => {
    const line = await input.takeLine(LONGEST_LINE);
    if (line === undefined) input.fail(`a line with ${what}, or "DATA=END"`, 'the end: the dump is cut off');
    if (line[0] === 0x20) return decode(input, line);
    if (new TextDecoder('latin1').decode(line.subarray(0, 20)) !== 'DATA=END') {
      input.failLine(1, `a space before ${what}, or "DATA=END"`, 'neither');
    }
    return undefined;
  };
  for (;;) {
    const key = await datum('a key');
    if (key === undefined) break;
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

function decodeHex(input: Input, line: Uint8Array): Uint8Array {
  const bytes = new Uint8Array((line.length - 1) >> 1);
  for (let i = 0; i < bytes.length; i++) {
    const high = hexDigit(line[2 * i + 1]);
    const low = hexDigit(line[2 * i + 2]);
    if (high < 0 || low < 0)
      input.failLine(2 * i + (high < 0 ? 2 : 3), 'a hexadecimal digit', 'another byte');
    bytes[i] = (high << 4) | low;
  }
  if (line.length % 2 === 0) input.failLine(line.length, 'an even number of hexadecimal digits', 'one more');
  return bytes;
}

function decodePrinted(input: Input, line: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(line.length);
  let size = 0;
  for (let i = 1; i < line.length; i++) {
    if (line[i] !== 0x5c) bytes[size++] = line[i];
    else if (line[i + 1] === 0x5c) {
      bytes[size++] = 0x5c;
      i++;
    } else {
      const high = hexDigit(line[i + 1] ?? 0);
      const low = hexDigit(line[i + 2] ?? 0);
      if (high < 0 || low < 0)
        input.failLine(i + 1, '"\\\\" or two hexadecimal digits behind "\\"', 'neither');
      bytes[size++] = (high << 4) | low;
      i += 2;
    }
  }
  return bytes.subarray(0, size);
}
