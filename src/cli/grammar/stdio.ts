/** Stands for a lone `-` on its way through yargs, which makes an empty text of it; no argument can hold a zero byte. */
const DASH = '\0-';

/** Saves a lone `-` of a command that takes it for a standard stream. */
export function saveDash(args: readonly string[]): string[] {
  const takesIt = args[0] === 'load' || args[0] === 'dump';
  return takesIt ? args.map((word) => (word === '-' ? DASH : word)) : [...args];
}

/** Gives it back. */
export function giveDashBack(word: string): string {
  return word === DASH ? '-' : word;
}
