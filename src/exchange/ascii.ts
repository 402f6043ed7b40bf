import { MAX_SIZE } from '../format/bucket.js';
import { viewOf } from '../format/struct.js';
import { Base64Decoder, base64Length, decodeWhole, encodeBase64, isPad } from './base64.js';
import type { DumpWriter, OutputBuffer } from './dump.js';
import type { DumpBatch, DumpHeader, DumpReader, Input, LargeRecord } from './input.js';
import { Arena, HELD_VALUE, LONGEST_KEY, PIECE } from './input.js';

const HASH = 0x23;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
/** Bytes of a line of base64, and its characters. */
const LINE = 57;
const LINE_LENGTH = base64Length(LINE);
/** Bytes of a line of comments or fields at most. */
const LONGEST_LINE = 64 * 1024;
/** Room for a key is made in steps of so many bytes: a length alone must not take memory. */
const STEP = 1 << 20;
const text = new TextDecoder();

/**
 * Reads a dump as `gdbm_dump` writes it by default: comments and fields in lines that begin with `#`, then for each
 * key and each value `#:len=N` and lines of base64.
 */
export async function readAsciiDump(input: Input): Promise<DumpReader> {
  const header = await readHeader(input);
  return { header, batches: new AsciiRecords(input).batches() };
}

class AsciiRecords {
  readonly #decoder = new Base64Decoder();
  readonly #arena = new Arena();
  #count = 0;

  constructor(readonly input: Input) {}

  async *batches(): AsyncGenerator<DumpBatch | LargeRecord> {
    const arena = this.#arena;
    for (;;) {
      this.#quickRecords();
      if (arena.isFull) {
        yield arena;
        arena.clear();
      }
      const from = arena.used;
      const keySize = await this.#length('a key');
      if (keySize === undefined) break;
      await this.#hold(keySize);
      const dataSize = (await this.#length('a value')) ?? this.#noValue();
      this.#count++;
      if (dataSize > HELD_VALUE) {
        const key = arena.bytes.slice(from, from + keySize);
        if (arena.count > 0) yield arena;
        arena.clear();
        yield { key, dataSize, pieces: this.#large(key, dataSize) };
        continue;
      }
      await this.#hold(dataSize);
      arena.add(keySize, dataSize);
    }
    if (arena.count > 0) yield arena;
  }

  /**
   * Reads records in the usual form that are in memory as a whole, and stops before any other. That one is then read
   * byte by byte, and refused with its place if it is wrong.
   */
  #quickRecords(): void {
    const { input } = this;
    const arena = this.#arena;
    this.#from = viewOf(input.bytes);
    this.#into = viewOf(arena.bytes);
    // The decoder may overwrite the byte behind.
    const room = arena.bytes.length - 1;
    while (!arena.isFull) {
      this.#pos = input.pos;
      this.#lines = 0;
      const from = arena.used;
      const keySize = this.#quickLength();
      if (keySize < 0 || keySize > HELD_VALUE || from + keySize > room) return;
      if (!this.#quickDatum(keySize, from)) return;
      const dataSize = this.#quickLength();
      const end = from + keySize + dataSize;
      if (dataSize < 0 || dataSize > HELD_VALUE || end > room) return;
      if (!this.#quickDatum(dataSize, from + keySize)) return;
      input.takeLines(this.#pos, this.#lines);
      arena.used = end;
      arena.add(keySize, dataSize);
      this.#count++;
    }
  }
  #pos = 0;
  #lines = 0;
  #from = viewOf(new Uint8Array(0));
  #into = viewOf(new Uint8Array(0));

  /** The length in the usual line at `#pos`; −1 for any other line. */
  #quickLength(): number {
    const { bytes, end } = this.input;
    const pos = this.#pos;
    if (bytes[pos] !== HASH || bytes[pos + 1] !== 0x3a || bytes[pos + 2] !== 0x6c) return -1;
    if (bytes[pos + 3] !== 0x65 || bytes[pos + 4] !== 0x6e || bytes[pos + 5] !== 0x3d) return -1;
    let size = 0;
    let i = pos + 6;
    for (; i < end && i < pos + 16; i++) {
      const digit = bytes[i] - 0x30;
      if (digit < 0 || digit > 9) break;
      size = size * 10 + digit;
    }
    if (i === pos + 6 || i >= end || bytes[i] !== NEWLINE || size > MAX_SIZE) return -1;
    this.#pos = i + 1;
    this.#lines++;
    return size;
  }

  /** Decodes lines of base64 of the usual length at `#pos`; false for any other. */
  #quickDatum(size: number, at: number): boolean {
    const { bytes, end } = this.input;
    const from = this.#from;
    const into = this.#into;
    let pos = this.#pos;
    let left = size;
    for (; left > LINE; left -= LINE, at += LINE) {
      if (pos + LINE_LENGTH >= end || bytes[pos + LINE_LENGTH] !== NEWLINE) return false;
      if (!decodeWhole(from, pos, LINE, into, at)) return false;
      pos += LINE_LENGTH + 1;
      this.#lines++;
    }
    if (left > 0) {
      const length = base64Length(left);
      if (pos + length >= end || bytes[pos + length] !== NEWLINE) return false;
      if (!decodeWhole(from, pos, left, into, at)) return false;
      pos += length + 1;
      this.#lines++;
    }
    this.#pos = pos;
    return true;
  }

  #noValue(): never {
    return this.input.fail('"#:len=N" of the value that belongs to the last key', 'the end of the data');
  }

  /**
   * Reads `#:len=N`, past comments; undefined at the end of the data, which a complete dump marks.
   */
  async #length(what: string): Promise<number | undefined> {
    const { input } = this;
    let counted = false;
    for (;;) {
      if (!(await input.need(32)) && input.pos === input.end) {
        if (counted) return undefined;
        input.fail(
          `"#:len=N" of ${what}, or "#:count=N" and "# End of data"`,
          'the end of the input: it is cut off',
        );
      }
      if (input.bytes[input.pos] !== HASH) {
        if (input.bytes[input.pos] === NEWLINE || input.bytes[input.pos] === RETURN) {
          // The line of a value of no bytes.
          input.pos++;
          if (input.bytes[input.pos - 1] === NEWLINE) input.newline();
          continue;
        }
        input.fail(`"#:len=N" of ${what}`, input.describeNext());
      }
      const line = text.decode(await input.takeLine(LONGEST_LINE));
      if (line.startsWith('#:count=')) {
        if (what !== 'a key')
          input.failLine(1, '"#:len=N" of the value that belongs to the last key', '"#:count"');
        const count = line.slice('#:count='.length).trim();
        if (!/^\d{1,15}$/.test(count) || Number(count) !== this.#count) {
          input.failLine(9, `${this.#count}, the number of records before it`, `"${count.slice(0, 20)}"`);
        }
        counted = true;
      } else if (line.startsWith('#:len')) {
        if (counted) input.failLine(1, 'nothing after "#:count"', '"#:len"');
        const size = line.slice('#:len='.length).trim();
        if (!/^\d{1,10}$/.test(size) || Number(size) > MAX_SIZE) {
          input.failLine(7, `a number of bytes from 0 to ${MAX_SIZE}`, `"${size.slice(0, 20)}"`);
        }
        if (what === 'a key' && Number(size) > LONGEST_KEY) {
          input.failLine(7, `a key of at most ${LONGEST_KEY} bytes`, size);
        }
        return Number(size);
      } else if (/^#\s*End of data\s*$/.test(line)) {
        if (what !== 'a key')
          input.failLine(1, '"#:len=N" of the value that belongs to the last key', 'the end');
        return undefined;
      }
    }
  }

  /** Decodes the next bytes to the end of the arena. */
  async #hold(size: number): Promise<void> {
    const arena = this.#arena;
    for (let left = size; left > 0;) {
      const part = Math.min(left, STEP);
      arena.reserve(part);
      const got = await this.#decode(arena.bytes, arena.used, arena.used + part);
      arena.used += got;
      left -= got;
    }
    await this.#endOfDatum(size);
  }

  async *#large(key: Uint8Array, dataSize: number): AsyncGenerator<Uint8Array> {
    yield key;
    const piece = new Uint8Array(PIECE);
    for (let left = dataSize; left > 0;) {
      const got = await this.#decode(piece, 0, Math.min(left, PIECE));
      left -= got;
      yield piece.subarray(0, got);
    }
    await this.#endOfDatum(dataSize);
  }

  /** Fills `into` from `at` to `limit`; gives the number of bytes. */
  async #decode(into: Uint8Array, at: number, limit: number): Promise<number> {
    const { input } = this;
    let filled = at;
    while (filled < limit) {
      filled = this.#decoder.decode(input.bytes, input.pos, input.end, into, filled, limit);
      input.pos = this.#decoder.read;
      if (filled === limit) break;
      if (input.pos === input.end) {
        if (!(await input.more())) input.fail('more base64', 'the end of the input: it is cut off');
      } else this.#lineEnd(`${limit - filled} bytes more in base64`);
    }
    return limit - at;
  }

  #lineEnd(expected: string): void {
    const { input } = this;
    const byte = input.bytes[input.pos];
    if (byte !== NEWLINE && byte !== RETURN) input.fail(expected, input.describeNext());
    input.pos++;
    if (byte === NEWLINE) input.newline();
  }

  /** Reads the padding of the last group of four, and the end of the line. */
  async #endOfDatum(size: number): Promise<void> {
    const { input } = this;
    if (size === 0) return;
    for (let pads = (3 - (size % 3)) % 3; pads > 0; pads--) {
      if (!(await input.need(1)) || !isPad(input.bytes[input.pos])) {
        input.fail(`"=" after ${size} bytes`, input.describeNext());
      }
      input.pos++;
    }
    this.#decoder.reset();
    if (!(await input.need(1))) return;
    if (input.bytes[input.pos] === RETURN) {
      input.pos++;
      if (!(await input.need(1))) return;
    }
    if (input.bytes[input.pos] !== NEWLINE) {
      input.fail(`the end of the line after ${size} bytes, as "#:len" says`, input.describeNext());
    }
    input.pos++;
    input.newline();
  }
}

/** The fields of the header that are used, besides the name of the file. */
const FIELDS = ['version', 'format', 'uid', 'user', 'gid', 'group', 'mode'];

/**
 * Reads the comments and fields that a dump of `gdbm_dump` begins with, to its `# End of header`.
 *
 * @throws DumpError
 */
async function readHeader(input: Input): Promise<DumpHeader> {
  const fields = new Map<string, string>();
  for (;;) {
    if (!(await input.need(1)) || input.bytes[input.pos] !== HASH) {
      input.fail('a line that begins with "#", and "# End of header" before the data', input.describeNext());
    }
    const line = text.decode(await input.takeLine(LONGEST_LINE));
    if (/^#\s*End of header\s*$/.test(line)) break;
    if (line.startsWith('#:len=')) input.failLine(1, '"# End of header" before the data', '"#:len"');
    if (!line.startsWith('#:')) continue;
    // A file's name may hold anything, also commas.
    if (line.startsWith('#:file=')) fields.set('file', line.slice('#:file='.length));
    else for (const part of line.slice(2).split(',')) addField(fields, part);
  }
  const version = fields.get('version');
  if (version !== undefined && !/^[1-9]\d*(\.\d+)*$/.test(version)) {
    input.failLine(1, 'a version such as 1.1', `"${version.slice(0, 20)}"`);
  }
  const variant = fields.get('format');
  if (variant !== undefined && variant !== 'standard' && variant !== 'numsync') {
    input.failLine(1, '#:format=standard or numsync', `"${variant.slice(0, 20)}"`);
  }
  return {
    kind: 'ascii',
    file: fields.get('file'),
    uid: numberOf(fields.get('uid'), 10),
    user: fields.get('user'),
    gid: numberOf(fields.get('gid'), 10),
    group: fields.get('group'),
    mode: numberOf(fields.get('mode'), 8),
    variant,
  };
}

function addField(fields: Map<string, string>, part: string): void {
  const equals = part.indexOf('=');
  const name = part.slice(0, Math.max(0, equals)).trim();
  // Others are dropped: a header can have lines without end.
  if (FIELDS.includes(name)) fields.set(name, part.slice(equals + 1).trim());
}

/** A malformed number is ignored: the data do not depend on it. */
function numberOf(written: string | undefined, radix: 8 | 10): number | undefined {
  const digits = radix === 8 ? /^[0-7]{1,5}$/ : /^\d{1,10}$/;
  return written !== undefined && digits.test(written) ? Number.parseInt(written, radix) : undefined;
}

/** `#:le` and `n=` as numbers of 32 and 16 bits in little-endian order. */
const LENGTH = 0x656c3a23;
const LENGTH_END = 0x3d6e;
/** Bytes of the longest line with a length. */
const LENGTH_LINE = 24;

/** The fields of the head of a dump. */
export interface AsciiHead extends Omit<DumpHeader, 'kind'> {
  /** The program that writes it, with its version. */
  readonly by: string;
  /** In local time, as {@link asctime} writes it. */
  readonly date: string;
}

/** A date as C's asctime writes it: `Tue Nov  3 20:45:00 2026`. */
export function asctime(date: Date): string {
  const [day, month, , year] = date.toDateString().split(' ');
  const time = date.toTimeString().slice(0, 8);
  return `${day} ${month} ${String(date.getDate()).padStart(2)} ${time} ${year}`;
}

/** Writes what `gdbm_dump` writes by default. */
export function asciiWriter(head: AsciiHead): DumpWriter {
  return {
    head(out) {
      const { by, date, file, uid, user, gid, group, mode, variant } = head;
      out.text(`# GDBM dump file created by ${by} on ${date}\n#:version=1.1\n`);
      // A newline in a name would begin a line of its own.
      // eslint-disable-next-line no-control-regex
      if (file !== undefined) out.text(`#:file=${file.replace(/[\u0000-\u001f\u007f]/g, '?')}\n`);
      const owner = [
        ['uid', uid],
        ['user', user],
        ['gid', gid],
        ['group', group],
        ['mode', mode?.toString(8).padStart(3, '0')],
      ].filter(([, value]) => value !== undefined);
      if (owner.length > 0) out.text(`#:${owner.map(([name, value]) => `${name}=${value}`).join(',')}\n`);
      out.text(`#:format=${variant ?? 'standard'}\n# End of header\n`);
    },
    begin(out, _which, size) {
      lengthLine(out, size);
    },
    piece: base64Lines,
    end() {},
    record(out, bytes, from, keyEnd, end) {
      lengthLine(out, keyEnd - from);
      base64Lines(out, bytes, from, keyEnd);
      lengthLine(out, end - keyEnd);
      base64Lines(out, bytes, keyEnd, end);
    },
    tail(out, count) {
      out.text(`#:count=${count}\n# End of data\n`);
    },
  };
}

function lengthLine(out: OutputBuffer, size: number): void {
  out.reserve(LENGTH_LINE);
  out.view.setInt32(out.used, LENGTH, true);
  out.view.setInt16(out.used + 4, LENGTH_END, true);
  out.used += 6;
  out.number(size);
  out.bytes[out.used++] = 0x0a;
}

function base64Lines(out: OutputBuffer, bytes: Uint8Array, from: number, to: number): void {
  out.reserve(Math.ceil((to - from) / LINE) * 77);
  const into = out.view;
  const view = out.viewOf(bytes);
  let at = out.used;
  for (let i = from; i < to; i += LINE) {
    at = encodeBase64(view, i, Math.min(i + LINE, to), into, at);
    into.setUint8(at++, 0x0a);
  }
  out.used = at;
}
