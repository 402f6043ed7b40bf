import { MAX_SIZE } from '../format/bucket.js';
import { viewOf } from '../format/struct.js';
import { decodeWhole, isPad } from './base64.js';
import type { Input } from './input.js';
import type { DumpBatch, DumpReader } from './record.js';
import { Arena } from './record.js';
import { RecentView } from './recentview.js';

const text = new TextDecoder('utf-8', { fatal: true });
const utf8 = new TextEncoder();
/** Lines hold a whole record. */
const LONGEST_LINE = 2 * MAX_SIZE;
const LONGEST_FIELD = 4096;
const NEWLINE = 0x0a;
const QUOTE = 0x22;
const BRACE = 0x7d;
/** A record as this project writes it. */
const BEFORE_KEY = utf8.encode('{"key":"');
const BEFORE_VALUE = utf8.encode('","value":"');

/**
 * Reads lines of JSON, `{"key": base64, "value": base64}`. What else an object has is passed over, so that a quarantine
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

  async *batches(): AsyncGenerator<DumpBatch> {
    const { input } = this;
    const arena = this.#arena;
    for (;;) {
      this.#quickLines();
      if (arena.isFull) {
        yield arena;
        arena.clear();
        continue;
      }
      const line = await input.takeLine(LONGEST_LINE);
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
    // The decoder may write over a byte behind.
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
    let object: unknown;
    try {
      object = JSON.parse(text.decode(line));
    } catch (error) {
      const place = / at position (\d+)/.exec((error as Error).message);
      input.failLine(Number(place?.[1] ?? 0) + 1, 'an object in JSON', 'what is none, or is not whole');
    }
    const fields = object as { key?: unknown; value?: unknown } | null;
    const key = field(input, line, fields?.key, 'key');
    const value = field(input, line, fields?.value, 'value');
    this.#arena.append(key, value);
  }
}

/** Bytes that padded base64 stands for; −1 where it has not the length of any. */
function decodedLength(bytes: Uint8Array, from: number, end: number): number {
  if ((end - from) % 4 !== 0) return -1;
  let pads = 0;
  while (pads < 2 && end - pads > from && isPad(bytes[end - pads - 1])) pads++;
  return ((end - from) / 4) * 3 - pads;
}

function field(input: Input, line: Uint8Array, written: unknown, name: string): Uint8Array {
  const shown = line.length > 0 ? Math.max(0, latin1(line).indexOf(`"${name}"`)) + 1 : 1;
  if (typeof written !== 'string') {
    input.failLine(shown, `"${name}" with a text in base64`, written === undefined ? 'none' : typeof written);
  }
  const encoded = utf8.encode(written);
  const size = decodedLength(encoded, 0, encoded.length);
  const into = new Uint8Array(Math.max(0, size) + 1);
  if (size < 0 || !decodeWhole(viewOf(encoded), 0, size, viewOf(into), 0)) {
    input.failLine(shown, `"${name}" in base64`, 'what is none');
  }
  return into.subarray(0, size);
}

/** Of a long line the beginning: it is only to say where something is. */
function latin1(line: Uint8Array): string {
  return new TextDecoder('latin1').decode(line.subarray(0, LONGEST_FIELD));
}

function startsWith(line: Uint8Array, start: Uint8Array, at: number): boolean {
  for (let i = 0; i < start.length; i++) if (line[at + i] !== start[i]) return false;
  return true;
}
