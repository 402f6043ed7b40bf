import { PickleDataError, readPickle } from '../pickle/data.js';
import { plainOf } from '../pickle/plain.js';
import { base64, escapeBytes } from './escape.js';

/** Ways to show a value. */
export const VALUE_FORMS = ['json', 'text', 'hex', 'pickle'] as const;
export type ValueForm = (typeof VALUE_FORMS)[number];

/** Bytes of a value that is shown as data, at most: it is held whole, and its things with it. */
export const MOST_SHOWN = 64 << 20;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
// A line end and a tab are part of a text.
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;

/** A value that could be read in some form. */
export interface ReadableValue {
  readonly form: ValueForm;
  /** Data of a pickle that JSON can hold. */
  readonly data?: unknown;
}

/** A value that is not of the form that was asked for. */
export class OtherFormError extends Error {
  override readonly name = 'OtherFormError';
}

/**
 * Reads a value in a form.
 *
 * @throws OtherFormError if it is of another one
 */
export function readValue(bytes: Uint8Array, form: ValueForm): ReadableValue {
  switch (form) {
    case 'pickle':
      try {
        return { form, data: plainOf(readPickle(bytes)) };
      } catch (error) {
        if (error instanceof PickleDataError) throw new OtherFormError(error.message);
        throw error;
      }
    case 'json':
      if (!isShowable(bytes)) throw new OtherFormError('it has too many parts to be shown as JSON');
      if (!isJson(bytes)) throw new OtherFormError('it is no JSON');
      return { form };
    case 'text':
      if (textOf(bytes) === undefined) throw new OtherFormError('it is no text in UTF-8');
      return { form };
    case 'hex':
      return { form };
  }
}

/** Reads a value in the form that fits it: a pickle, an object or a list of JSON, a text, or else bytes. */
export function readAny(bytes: Uint8Array): ReadableValue {
  const first = bytes[0];
  const forms: ValueForm[] = [
    ...(first === PROTO || isPerhapsOld(bytes) ? (['pickle'] as const) : []),
    ...(first === 0x7b || first === 0x5b ? (['json'] as const) : []),
    'text',
  ];
  for (const form of forms) {
    try {
      const read = readValue(bytes, form);
      if (form !== 'text' || !CONTROL.test(textOf(bytes)!)) return read;
    } catch (error) {
      if (!(error instanceof OtherFormError)) throw error;
    }
  }
  return { form: 'hex' };
}

const PROTO = 0x80;
/** First bytes of containers and objects in pickles of protocol 0 and 1, which end with STOP. */
const OLD_STARTS = Array.from('(]}c', (letter) => letter.charCodeAt(0));
const STOP = 0x2e;

function isPerhapsOld(bytes: Uint8Array): boolean {
  return OLD_STARTS.includes(bytes[0]) && bytes.at(-1) === STOP;
}

/** Reads a text if it is one, else bytes. */
export function readText(bytes: Uint8Array): ReadableValue {
  return { form: textOf(bytes) === undefined ? 'hex' : 'text' };
}

/** A value for a person: data as indented JSON, a text as it is, bytes in hexadecimal; nothing of it drives a terminal. */
export function valueText(bytes: Uint8Array, { form, data }: ReadableValue): string {
  if (form === 'hex') return hexLines(bytes);
  if (form === 'json') return indented(bytes);
  if (form === 'pickle') return safe(JSON.stringify(data, undefined, 2));
  const lines: string[] = [];
  for (let from = 0; from <= bytes.length;) {
    const found = bytes.indexOf(0x0a, from);
    const end = found < 0 ? bytes.length : found;
    lines.push(escapeBytes(bytes.subarray(from, end)));
    from = end + 1;
  }
  return lines.join('\n');
}

/** A value as JSON on one line: data as they are, a text as a string, bytes as `$bytes` in base64. */
export function valueJson(bytes: Uint8Array, { form, data }: ReadableValue): string {
  switch (form) {
    case 'json':
      return safe(tokensOf(bytes).join(''));
    case 'pickle':
      return safe(JSON.stringify(data));
    case 'text':
      return safe(JSON.stringify(textOf(bytes)));
    case 'hex':
      return `{"$bytes":"${base64(bytes)}"}`;
  }
}

/** JSON in which all that could drive a terminal or turn the direction of text is escaped. */
function safe(json: string): string {
  return json.replace(/[^\P{C}\n]|[\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from(
      { length: character.length },
      (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`,
    ).join(''),
  );
}

/** Brackets, commas and colons of JSON that is shown, at most, and its depth: each takes some 150 bytes to be shown. */
const MOST_MARKS = 500_000;
const MOST_DEEP = 1000;

/** Returns false for JSON of so many parts, or so deep, that to show it takes too much memory. */
function isShowable(bytes: Uint8Array): boolean {
  let [marks, depth] = [0, 0];
  for (const byte of bytes) {
    const letter = byte | 0x20;
    // [ and {, ] and }, comma and colon; those in strings count as well.
    if (letter === 0x7b) depth++;
    else if (letter === 0x7d) depth--;
    else if (byte !== 0x2c && byte !== 0x3a) continue;
    if (++marks > MOST_MARKS || depth > MOST_DEEP) return false;
  }
  return true;
}

function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(textOf(bytes) ?? '');
    return true;
  } catch {
    return false;
  }
}

/** Strings, numbers, words and marks of JSON, as they are: a parser would change numbers of many digits. */
function tokensOf(bytes: Uint8Array): string[] {
  return textOf(bytes)!.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
}

/** JSON with a line for each item, indented by two spaces. */
function indented(bytes: Uint8Array): string {
  const parts: string[] = [];
  let depth = 0;
  const tokens = tokensOf(bytes);
  const line = () => `\n${'  '.repeat(Math.min(depth, MOST_INDENT))}`;
  for (const [i, token] of tokens.entries()) {
    const isEmpty = /[{[]/.test(tokens[i - 1] ?? '') && tokens[i - 1].length === 1;
    if (token === '}' || token === ']') {
      depth--;
      parts.push(isEmpty ? token : line() + token);
      continue;
    }
    if (isEmpty) parts.push(line());
    parts.push(token === ':' ? ': ' : token === ',' ? `,${line()}` : token);
    if (token === '{' || token === '[') depth++;
  }
  return safe(parts.join(''));
}

/** Levels of indentation at most: JSON of a million brackets must not become a terabyte of spaces. */
const MOST_INDENT = 40;

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

const HEX_LINE = 16;

/** Lines of an offset, of sixteen bytes, and of the same as text. */
function hexLines(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += HEX_LINE) {
    const part = bytes.subarray(at, at + HEX_LINE);
    const digits = Array.from(part, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = Array.from(part, (byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.',
    ).join('');
    lines.push(`${at.toString(16).padStart(8, '0')}  ${digits.padEnd(3 * HEX_LINE - 1)}  ${text}`);
  }
  return lines.join('\n');
}
