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
