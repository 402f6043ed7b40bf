import { Base64Decoder, isPad } from './base64.js';
import type { Input } from './input.js';
import type { DumpHeader, DumpReader, DumpRecord } from './record.js';
import { Arena, BATCH_RECORDS, HELD_VALUE, MAX_SIZE, PIECE } from './record.js';

const HASH = 0x23;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
/** Comments and fields are short. */
const LONGEST_LINE = 64 * 1024;
/** Room is made for so many bytes of a key at a time: a length alone must not take memory. */
const STEP = 1 << 20;
const text = new TextDecoder();

/**
 * Reads a dump as `gdbm_dump` writes it by default: comments and fields in lines that begin with `#`, then for each key
 * and each value `#:len=N` and lines of base64.
 */
export async function readAsciiDump(input: Input): Promise<DumpReader> {
  const header = await readHeader(input);
  return { header, batches: new AsciiRecords(input).batches() };
}

async function readHeader(input: Input): Promise<DumpHeader> {
  const fields = new Map<string, string>();
  for (;;) {
    if (!(await input.need(1)) || input.bytes[input.pos] !== HASH) {
      input.fail('a line that begins with "#", and "# End of header" before the data', input.whatIsHere());
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
  if (equals > 0) fields.set(part.slice(0, equals).trim(), part.slice(equals + 1).trim());
}

/** A number that was written badly says nothing: the data do not depend on it. */
function numberOf(written: string | undefined, radix: 8 | 10): number | undefined {
  const digits = radix === 8 ? /^[0-7]{1,5}$/ : /^\d{1,10}$/;
  return written !== undefined && digits.test(written) ? Number.parseInt(written, radix) : undefined;
}

class AsciiRecords {
  readonly #decoder = new Base64Decoder();
  readonly #arena = new Arena();
  #count = 0;

  constructor(readonly input: Input) {}

  async *batches(): AsyncGenerator<DumpRecord[]> {
    const arena = this.#arena;
    let batch: DumpRecord[] = [];
    for (;;) {
      const keySize = await this.#length('a key');
      if (keySize === undefined) break;
      const from = await this.#hold(keySize, arena.used);
      const dataSize = (await this.#length('a value')) ?? this.#noValue();
      this.#count++;
      if (dataSize > HELD_VALUE) {
        const key = arena.bytes.slice(from, from + keySize);
        arena.used = from;
        if (batch.length > 0) yield batch;
        batch = [];
        yield [{ key, dataSize, bytes: this.#large(key, dataSize) }];
        arena.clear();
        continue;
      }
      const start = await this.#hold(dataSize, from);
      const bytes = arena.bytes.subarray(start, start + keySize + dataSize);
      batch.push({ key: bytes.subarray(0, keySize), dataSize, bytes });
      if (batch.length < BATCH_RECORDS && !arena.isFull) continue;
      yield batch;
      batch = [];
      arena.clear();
    }
    if (batch.length > 0) yield batch;
  }

  #noValue(): never {
    return this.input.fail('"#:len=N" of the value that belongs to the last key', 'the end of the data');
  }

  /**
   * Reads `#:len=N`, past comments; undefined at the end of the data, which a dump that is whole says.
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
      const quick = this.#quickLength();
      if (quick >= 0 && !counted) return quick;
      if (input.bytes[input.pos] !== HASH) {
        if (input.bytes[input.pos] === NEWLINE || input.bytes[input.pos] === RETURN) {
          // The line of a value of no bytes.
          input.pos++;
          if (input.bytes[input.pos - 1] === NEWLINE) input.newline();
          continue;
        }
        input.fail(`"#:len=N" of ${what}`, input.whatIsHere());
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
        return Number(size);
      } else if (/^#\s*End of data\s*$/.test(line)) {
        if (what !== 'a key')
          input.failLine(1, '"#:len=N" of the value that belongs to the last key', 'the end');
        return undefined;
      }
    }
  }

  /** The usual line, without a string made of it; −1 where it is anything else. */
  #quickLength(): number {
    const { input } = this;
    const { bytes, pos } = input;
    if (bytes[pos] !== HASH || bytes[pos + 1] !== 0x3a || bytes[pos + 2] !== 0x6c) return -1;
    if (bytes[pos + 3] !== 0x65 || bytes[pos + 4] !== 0x6e || bytes[pos + 5] !== 0x3d) return -1;
    let size = 0;
    let i = pos + 6;
    for (; i < input.end && i < pos + 16; i++) {
      const digit = bytes[i] - 0x30;
      if (digit < 0 || digit > 9) break;
      size = size * 10 + digit;
    }
    if (i === pos + 6 || i >= input.end || bytes[i] !== NEWLINE || size > MAX_SIZE) return -1;
    input.pos = i + 1;
    input.newline();
    return size;
  }

  /** Decodes what comes next behind what the arena holds; gives where what was held from `keepFrom` on is now. */
  async #hold(size: number, keepFrom: number): Promise<number> {
    const arena = this.#arena;
    let from = keepFrom;
    for (let left = size; left > 0;) {
      const part = Math.min(left, STEP);
      from = arena.reserve(part, from);
      const got = await this.#decode(arena.bytes, arena.used, arena.used + part);
      arena.used += got;
      left -= got;
    }
    await this.#endOfDatum(size);
    return from;
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
    if (byte !== NEWLINE && byte !== RETURN) input.fail(expected, input.whatIsHere());
    input.pos++;
    if (byte === NEWLINE) input.newline();
  }

  /** What fills up the last group of four, and the end of the line. */
  async #endOfDatum(size: number): Promise<void> {
    const { input } = this;
    if (size === 0) return;
    for (let pads = (3 - (size % 3)) % 3; pads > 0; pads--) {
      if (!(await input.need(1)) || !isPad(input.bytes[input.pos])) {
        input.fail(`"=" after ${size} bytes`, input.whatIsHere());
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
      input.fail(`the end of the line after ${size} bytes, as "#:len" says`, input.whatIsHere());
    }
    input.pos++;
    input.newline();
  }
}
