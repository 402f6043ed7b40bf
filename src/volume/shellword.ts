/** Characters that a terminal would not show as they are. */
const HIDDEN = /[\p{C}\p{Zl}\p{Zp}]/u;

/**
 * A path as a shell takes it, so that a command in an advice can be pasted. Characters that a terminal would not
 * show stand as `$'\xNN'`, which bash and busybox know.
 */
export function shellWord(path: string): string {
  // It would be taken for an option.
  if (path.startsWith('-')) return shellWord(`./${path}`);
  if (/^[\w@%+=:,./-]+$/.test(path)) return path;
  if (!HIDDEN.test(path)) return `'${path.replaceAll("'", `'\\''`)}'`;
  const bytes = Array.from(new TextEncoder().encode(path), (byte) =>
    byte < 0x20 || byte > 0x7e || byte === 0x27 || byte === 0x5c
      ? `\\x${byte.toString(16).padStart(2, '0')}`
      : String.fromCharCode(byte),
  );
  return `$'${bytes.join('')}'`;
}
