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
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  if (!HIDDEN.test(word)) return `'${word.replaceAll("'", `'\\''`)}'`;
  const bytes = Array.from(new TextEncoder().encode(word), (byte) =>
    byte < 0x20 || byte > 0x7e || byte === 0x27 || byte === 0x5c
      ? `\\x${byte.toString(16).padStart(2, '0')}`
      : String.fromCharCode(byte),
  );
  return `$'${bytes.join('')}'`;
}
