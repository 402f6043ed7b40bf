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

/** So many arguments a call may surely have. */
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
