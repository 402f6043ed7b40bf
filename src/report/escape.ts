/** Characters that could drive a terminal, hide text or turn its direction, and the escape character itself. */
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}\\]/u;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Shows bytes of a file as text that cannot drive a terminal: printable UTF-8 as it is, a backslash doubled, and
 * everything else as `\xNN`, byte for byte. No two different runs of bytes look the same.
 */
export function escapeBytes(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const end = endOfPlain(bytes, at);
    if (end > at) {
      text += plainText(bytes, at, end);
      at = end;
      continue;
    }
    const length = sequenceLength(bytes, at);
    const character = length === 0 ? undefined : decode(bytes.subarray(at, at + length));
    if (character === undefined || UNSAFE.test(character)) {
      const escaped = Math.max(1, length);
      for (const byte of bytes.subarray(at, at + escaped)) {
        text += byte === 0x5c ? '\\\\' : `\\x${byte.toString(16).padStart(2, '0')}`;
      }
      at += escaped;
    } else {
      text += character;
      at += length;
    }
  }
  return text;
}

/** Shows a path or another text from outside so that it cannot drive a terminal. */
export function escapeText(text: string): string {
  return escapeBytes(new TextEncoder().encode(text));
}

/** Makes a sentence of ours, which may quote what was escaped already, safe for a terminal; line ends stay. */
export function safeSentence(text: string): string {
  return text.replace(/[^\P{C}\n]|[\p{Zl}\p{Zp}]/gu, (character) => escapeText(character));
}

/** Shows the beginning of what may be long. */
export function escapeStart(bytes: Uint8Array, most: number): string {
  return bytes.length <= most ? escapeBytes(bytes) : `${escapeBytes(bytes.subarray(0, most))}…`;
}

/** The end of a run of printable ASCII without a backslash, which nearly all keys are. */
function endOfPlain(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] >= 0x20 && bytes[at] < 0x7f && bytes[at] !== 0x5c) at++;
  return at;
}

/** Arguments of one call at most. */
const AT_ONCE = 4096;

function plainText(bytes: Uint8Array, from: number, end: number): string {
  let text = '';
  for (let at = from; at < end; at += AT_ONCE) {
    // A spread would make an object for each byte.
    text += Reflect.apply(String.fromCharCode, undefined, bytes.subarray(at, Math.min(end, at + AT_ONCE)));
  }
  return text;
}

/** The bytes of the UTF-8 sequence that starts here by its first byte, 0 where none does or it is cut off. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at];
  const length =
    first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  return at + length <= bytes.length ? length : 0;
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Characters that a terminal would not show as they are. */
const HIDDEN = /[\p{C}\p{Zl}\p{Zp}]/u;

/** A path as a shell takes it, as {@link shellWord}; one that would be taken for an option begins with `./`. */
export function shellPath(path: string): string {
  return shellWord(path.startsWith('-') ? `./${path}` : path);
}

/**
 * A word as a shell takes it, so that a command in an advice can be pasted. Characters that a terminal would not
 * show stand as `$'\xNN'`, which bash and busybox know.
 */
export function shellWord(word: string): string {
  if (/^(?:[\w@%+=:,./-]|(?<=[\w.])~)+$/.test(word)) return word;
  if (!HIDDEN.test(word)) return `'${word.replaceAll("'", `'\\''`)}'`;
  const bytes = Array.from(new TextEncoder().encode(word), (byte) =>
    byte < 0x20 || byte > 0x7e || byte === 0x27 || byte === 0x5c
      ? `\\x${byte.toString(16).padStart(2, '0')}`
      : String.fromCharCode(byte),
  );
  return `$'${bytes.join('')}'`;
}

/**
 * JSON of what may come from a file: what it need not escape, but a terminal takes for orders, and some readers for the end of a
 * line, is escaped, too.
 *
 * @param indent spaces for each level; on one line where it is left out
 */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A whole number in groups of three, by hand: the engine's own tables of languages take 2 ms to load at every start. */
export function number(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Bytes encoded at once: more arguments of a call could overflow the stack. A multiple of three, so that the pieces join. */
const BASE64_PIECE = 8190;

/** Base64 of bytes; without Node, because the core runs in a browser, too. */
export function base64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += BASE64_PIECE)
    text += btoa(String.fromCharCode(...bytes.subarray(i, i + BASE64_PIECE)));
  return text;
}
