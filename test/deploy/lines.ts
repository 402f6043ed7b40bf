/**
 * What a command line gives to gdbm-doctor: all behind its name, or the name of its bundle. Undefined where the line
 * runs another program.
 */
export function argumentsOf(words: readonly string[]): string[] | undefined {
  const at = words.findIndex((word) => /(^|\/)gdbm-doctor(\.cjs)?$/.test(word));
  return at < 0 ? undefined : words.slice(at + 1);
}
