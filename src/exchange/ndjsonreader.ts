import { Base64Decoder, base64Length } from './base64.js';
import type { Input } from './input.js';
import { inBatches } from './linerecord.js';
import type { LineRecord } from './linerecord.js';
import type { DumpReader } from './record.js';
import { MAX_SIZE } from './record.js';

const text = new TextDecoder('utf-8', { fatal: true });
/** Lines hold a whole record. */
const LONGEST_LINE = 2 * MAX_SIZE;
const LONGEST_FIELD = 4096;

/**
 * Reads lines of JSON, `{"key": base64, "value": base64}`. What else an object has is passed over, so that a quarantine
 * can be loaded too.
 */
export function readNdjson(input: Input): DumpReader {
  return { header: { kind: 'ndjson' }, batches: inBatches(jsonRecords(input)) };
}

/** As this project writes them. */
const QUICK_KEY = new TextEncoder().encode('{"key":"');
const QUICK_VALUE = new TextEncoder().encode('","value":"');
const QUOTE = 0x22;

async function* jsonRecords(input: Input): AsyncGenerator<LineRecord> {
  for (;;) {
    const line = await input.takeLine(LONGEST_LINE);
    if (line === undefined) return;
    if (line.length === 0) continue;
    yield quickRecord(line) ?? slowRecord(input, line);
  }
}

/** The record of a line that is written in the usual way; undefined of any other. */
function quickRecord(line: Uint8Array): LineRecord | undefined {
  if (!startsWith(line, QUICK_KEY, 0)) return undefined;
  const keyEnd = line.indexOf(QUOTE, QUICK_KEY.length);
  if (keyEnd < 0 || !startsWith(line, QUICK_VALUE, keyEnd)) return undefined;
  const valueFrom = keyEnd + QUICK_VALUE.length;
  const valueEnd = line.length - 2;
  if (valueEnd < valueFrom || line[valueEnd] !== QUOTE || line[valueEnd + 1] !== 0x7d) return undefined;
  const into = new Uint8Array(((keyEnd - QUICK_KEY.length + (valueEnd - valueFrom)) / 4) * 3 + 3);
  const keySize = decodeText(line, QUICK_KEY.length, keyEnd, into, 0);
  if (keySize === undefined) return undefined;
  const end = decodeText(line, valueFrom, valueEnd, into, keySize);
  if (end === undefined) return undefined;
  const bytes = into.subarray(0, end);
  return { keySize, bytes };
}

/** Decodes padded base64; gives where its bytes end, undefined where it is not base64. */
function decodeText(
  line: Uint8Array,
  from: number,
  end: number,
  into: Uint8Array,
  at: number,
): number | undefined {
  let to = end;
  while (to > from && end - to < 2 && line[to - 1] === 0x3d) to--;
  const decoder = new Base64Decoder();
  const filled = decoder.decode(line, from, to, into, at, into.length);
  return decoder.read === to && base64Length(filled - at) === end - from ? filled : undefined;
}

function slowRecord(input: Input, line: Uint8Array): LineRecord {
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
  const bytes = new Uint8Array(key.length + value.length);
  bytes.set(key);
  bytes.set(value, key.length);
  return { keySize: key.length, bytes };
}

function field(input: Input, line: Uint8Array, written: unknown, name: string): Uint8Array {
  const shown = line.length > 0 ? Math.max(0, latin1(line).indexOf(`"${name}"`)) + 1 : 1;
  if (typeof written !== 'string') {
    input.failLine(shown, `"${name}" with a text in base64`, written === undefined ? 'none' : typeof written);
  }
  const encoded = new TextEncoder().encode(written);
  const into = new Uint8Array((encoded.length / 4) * 3 + 3);
  const end = decodeText(encoded, 0, encoded.length, into, 0);
  if (end === undefined) input.failLine(shown, `"${name}" in base64`, 'what is none');
  return into.subarray(0, end);
}

/** Of a long line the beginning: it is only to say where something is. */
function latin1(line: Uint8Array): string {
  return new TextDecoder('latin1').decode(line.subarray(0, LONGEST_FIELD));
}

function startsWith(line: Uint8Array, start: Uint8Array, at: number): boolean {
  for (let i = 0; i < start.length; i++) if (line[at + i] !== start[i]) return false;
  return true;
}
