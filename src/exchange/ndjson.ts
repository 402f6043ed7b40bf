import { viewOf } from '../format/struct.js';
import { Base64Decoder, decodeWhole, isPad, RecentView } from './base64.js';
import type { DumpWriter } from './dump.js';
import type { DumpBatch, DumpReader, Input, LargeRecord } from './input.js';
import { Arena, HELD_LINE, PIECE } from './input.js';

const text = new TextDecoder('utf-8', { fatal: true });
const utf8 = new TextEncoder();
const LONGEST_FIELD = 4096;
const NEWLINE = 0x0a;
const QUOTE = 0x22;
const BRACE = 0x7d;
const BACKSLASH = 0x5c;
const SLASH = utf8.encode('/');
/** The line of a record around its base64, as bytes: a text would be encoded anew for each record. */
const BEFORE_KEY = utf8.encode('{"key":"');
const BEFORE_VALUE = utf8.encode('","value":"');
const BEHIND_VALUE = utf8.encode('"}\n');

/**
 * Reads lines of JSON, `{"key": base64, "value": base64}`. Other fields are ignored, so that a quarantine
 * can be loaded too.
 */
export function readNdjson(input: Input): DumpReader {
  return { header: { kind: 'ndjson' }, batches: new JsonRecords(input).batches() };
}

class JsonRecords {
  readonly #arena = new Arena();
  readonly #from = new RecentView();
  readonly #into = new RecentView();

  constructor(readonly input: Input) {}

  async *batches(): AsyncGenerator<DumpBatch | LargeRecord> {
    const { input } = this;
    const arena = this.#arena;
    for (;;) {
      this.#quickLines();
      if (arena.isFull) {
        yield arena;
        arena.clear();
        continue;
      }
      if (!(await input.hasLine(HELD_LINE))) {
        if (arena.count > 0) yield arena;
        arena.clear();
        yield this.#longRecord();
        continue;
      }
      const line = await input.takeLine(HELD_LINE);
      if (line === undefined) break;
      if (line.length > 0 && !this.#takeQuick(line, 0, line.length)) this.#takeSlow(line);
    }
    if (arena.count > 0) yield arena;
  }

  /** Reads lines that are written in the usual way and are there as a whole; it stops before anything else. */
  #quickLines(): void {
    const { input } = this;
    const { bytes, end } = input;
    let { pos } = input;
    let lines = 0;
    while (!this.#arena.isFull) {
      const lineEnd = bytes.indexOf(NEWLINE, pos);
      if (lineEnd < 0 || lineEnd >= end || !this.#takeQuick(bytes, pos, lineEnd)) break;
      pos = lineEnd + 1;
      lines++;
    }
    if (lines > 0) input.takeLines(pos, lines);
  }

  /** Takes the record of a line that is written in the usual way; false at any other. */
  #takeQuick(bytes: Uint8Array, from: number, end: number): boolean {
    const keyFrom = from + BEFORE_KEY.length;
    if (!startsWith(bytes, BEFORE_KEY, from)) return false;
    const keyEnd = bytes.indexOf(QUOTE, keyFrom);
    const valueFrom = keyEnd + BEFORE_VALUE.length;
    const valueEnd = end - 2;
    if (keyEnd < 0 || valueFrom > valueEnd || !startsWith(bytes, BEFORE_VALUE, keyEnd)) return false;
    if (bytes[valueEnd] !== QUOTE || bytes[valueEnd + 1] !== BRACE) return false;
    const keySize = decodedLength(bytes, keyFrom, keyEnd);
    const dataSize = decodedLength(bytes, valueFrom, valueEnd);
    if (keySize < 0 || dataSize < 0) return false;

    const arena = this.#arena;
    const at = arena.used;
    // The decoder may overwrite the byte behind.
    arena.reserve(keySize + dataSize + 1);
    const view = this.#from.of(bytes);
    const into = this.#into.of(arena.bytes);
    if (!decodeWhole(view, keyFrom, keySize, into, at)) return false;
    if (!decodeWhole(view, valueFrom, dataSize, into, at + keySize)) return false;
    arena.used += keySize + dataSize;
    arena.add(keySize, dataSize);
    return true;
  }

  /** Takes the record of a line that is any JSON. */
  #takeSlow(line: Uint8Array): void {
    const { input } = this;
    const fail: Fail = (...what) => input.failLine(...what);
    const fields = parse(text.decode(line), fail);
    const key = field(line, fields?.key, 'key', fail);
    const value = field(line, fields?.value, 'value', fail);
    this.#arena.append(key, value);
  }

  /**
   * The record of a line that is too long to be held, so that its value goes by in pieces: its key must come before.
   */
  #longRecord(): LargeRecord {
    const { input } = this;
    const head = input.bytes.subarray(input.pos, Math.min(input.end, input.pos + HELD_LINE));
    const value = VALUE.exec(new TextDecoder('latin1').decode(head));
    if (value === null) {
      return input.fail(
        `"key" and the beginning of "value" in the first ${HELD_LINE} bytes of a long line`,
        'not both',
      );
    }
    const valueAt = value.index + value[0].length;
    const before = head.subarray(0, valueAt);
    const fail: Fail = (...what) => input.failLine(...what, input.line);
    const key = field(before, parse(`${text.decode(before)}"}`, fail)?.key, 'key', fail);
    input.pos += valueAt;
    return { key, dataSize: undefined, pieces: this.#longPieces(key) };
  }

  async *#longPieces(key: Uint8Array): AsyncGenerator<Uint8Array> {
    const { input } = this;
    yield key;
    const decoder = new Base64Decoder();
    const piece = new Uint8Array(PIECE);
    let filled = 0;
    for (;;) {
      filled = decoder.decode(input.bytes, input.pos, input.end, piece, filled, PIECE);
      input.pos = decoder.read;
      if (filled === PIECE) {
        yield piece;
        filled = 0;
      } else if (input.pos === input.end) {
        if (!(await input.more())) input.fail('more base64', 'the end of the input: it is cut off');
      } else if (
        input.bytes[input.pos] === BACKSLASH &&
        (input.end - input.pos >= 2 || (await input.need(2))) &&
        input.bytes[input.pos + 1] === SLASH[0]
      ) {
        // Some writers of JSON escape the slash.
        filled = decoder.decode(SLASH, 0, 1, piece, filled, PIECE);
        input.pos += 2;
      } else break;
    }
    yield piece.subarray(0, filled);
    for (let pads = (4 - decoder.pending) % 4; pads > 0; pads--) {
      const isRight = pads < 3 && (await input.need(1)) && isPad(input.bytes[input.pos]);
      if (!isRight) input.fail('"value" in base64, of groups of four', input.describeNext());
      input.pos++;
    }
    if (!(await input.need(1)) || input.bytes[input.pos] !== QUOTE) {
      input.fail('"value" in base64 and a quote behind it', input.describeNext());
    }
    const rest = await input.takeLine(HELD_LINE);
    parse(`{"value":"${text.decode(rest)}`, (...what) => input.failLine(...what));
  }
}

/** The name of the value, and what is before its first character. */
const VALUE = /"value"\s*:\s*"/;

/** Refuses a line: at which column, what was expected there and what was found. */
type Fail = (column: number, expected: string, found: string) => never;

function parse(line: string, fail: Fail): { key?: unknown; value?: unknown } | null {
  try {
    return JSON.parse(line) as { key?: unknown; value?: unknown } | null;
  } catch (error) {
    const place = / at position (\d+)/.exec((error as Error).message);
    return fail(Number(place?.[1] ?? 0) + 1, 'an object in JSON', 'what is none, or is not whole');
  }
}

/** Bytes that padded base64 stands for; −1 where it has not the length of any. */
function decodedLength(bytes: Uint8Array, from: number, end: number): number {
  if ((end - from) % 4 !== 0) return -1;
  let pads = 0;
  while (pads < 2 && end - pads > from && isPad(bytes[end - pads - 1])) pads++;
  return ((end - from) / 4) * 3 - pads;
}

function field(line: Uint8Array, written: unknown, name: string, fail: Fail): Uint8Array {
  const shown = line.length > 0 ? Math.max(0, latin1(line).indexOf(`"${name}"`)) + 1 : 1;
  if (typeof written !== 'string') {
    return fail(shown, `"${name}" with a text in base64`, written === undefined ? 'none' : typeof written);
  }
  const encoded = utf8.encode(written);
  const size = decodedLength(encoded, 0, encoded.length);
  const into = new Uint8Array(Math.max(0, size) + 1);
  if (size < 0 || !decodeWhole(viewOf(encoded), 0, size, viewOf(into), 0)) {
    return fail(shown, `"${name}" in base64`, 'what is none');
  }
  return into.subarray(0, size);
}

/** The beginning of a line as text, for the place in an error message. */
function latin1(line: Uint8Array): string {
  return new TextDecoder('latin1').decode(line.subarray(0, LONGEST_FIELD));
}

function startsWith(line: Uint8Array, start: Uint8Array, at: number): boolean {
  for (let i = 0; i < start.length; i++) if (line[at + i] !== start[i]) return false;
  return true;
}

/** Writes a line of JSON for each record, `{"key":base64,"value":base64}`. */
export function ndjsonWriter(): DumpWriter {
  return {
    head() {},
    begin(out, which) {
      out.short(which === 'key' ? BEFORE_KEY : BEFORE_VALUE);
    },
    piece(out, bytes, from, to) {
      out.base64(bytes, from, to);
    },
    end(out, which) {
      if (which === 'value') out.short(BEHIND_VALUE);
    },
    tail() {},
  };
}
