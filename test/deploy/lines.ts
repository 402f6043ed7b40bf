/**
 * The arguments that a command line has for gdbm-doctor, behind its name or that of its bundle; undefined where the line
 * runs another program.
 */
export function argumentsOf(words: readonly string[]): string[] | undefined {
  const at = words.findIndex((word) => /(^|\/)gdbm-doctor(\.cjs)?$/.test(word));
  return at < 0 ? undefined : words.slice(at + 1);
}
