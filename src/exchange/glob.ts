/** True for a key that a pattern selects. */
export type Glob = (key: Uint8Array) => boolean;

const STAR = 0x2a;
const QUESTION = 0x3f;
const BACKSLASH = 0x5c;

/**
 * A pattern over bytes: `*` is any number of them, `?` one character of UTF-8 (or one byte that begins none), `\`
 * takes the next as it is, and everything else is itself. A slash is nothing special: keys are no paths.
 *
 * After a `*` only the last one is ever tried again, so the time is at most the key's length times the pattern's.
 */
export function globOf(patterns: readonly string[]): Glob {
  const compiled = patterns.map(compile);
  return (key) => compiled.some((pattern) => matches(pattern, key));
}

const ANY = -1;
const ONE = -2;

/** Bytes, and {@link ANY} and {@link ONE}. */
function compile(pattern: string): Int16Array {
  const bytes = new TextEncoder().encode(pattern);
  const parts: number[] = [];
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] === STAR) parts.push(ANY);
    else if (bytes[i] === QUESTION) parts.push(ONE);
    else if (bytes[i] === BACKSLASH && i + 1 < bytes.length) parts.push(bytes[++i]);
    else parts.push(bytes[i]);
  }
  return Int16Array.from(parts);
}

function matches(pattern: Int16Array, key: Uint8Array): boolean {
  let p = 0;
  let k = 0;
  let star = -1;
  let tried = 0;
  for (;;) {
    if (k === key.length) {
      while (p < pattern.length && pattern[p] === ANY) p++;
      return p === pattern.length;
    }
    if (p < pattern.length && pattern[p] === ANY) {
      star = p++;
      tried = k;
    } else if (p < pattern.length && (pattern[p] === ONE || pattern[p] === key[k])) {
      k += pattern[p] === ONE ? characterLength(key, k) : 1;
      p++;
    } else if (star >= 0) {
      p = star + 1;
      k = ++tried;
    } else return false;
  }
}

function characterLength(key: Uint8Array, at: number): number {
  const lead = key[at];
  const length = lead >= 0xf0 && lead < 0xf8 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 1;
  if (lead >= 0xf8) return 1;
  for (let i = 1; i < length; i++) if (at + i >= key.length || key[at + i] >> 6 !== 2) return 1;
  return length;
}
