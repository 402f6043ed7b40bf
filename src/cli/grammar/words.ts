/**
 * Stands before a word on its way through yargs, which makes an empty text of a lone `-` and gives no command what is behind
 * `--`; no argument can hold a zero byte.
 */
const SAVED = '\0';

/** Saves a lone `-`, and whatever is behind `--`: it is no option. */
export function saveWords(args: readonly string[]): string[] {
  const end = args.indexOf('--');
  const words = end < 0 ? args : args.slice(0, end);
  const files = end < 0 ? [] : args.slice(end + 1);
  const save = (word: string) => SAVED + word;
  return [
    ...words.map((word) => (word === '-' ? save(word) : word)),
    ...files.map((word) => (word.startsWith('-') ? save(word) : word)),
  ];
}

/** Gives the words back, wherever the parser put them. */
export function giveWordsBack(parsed: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(parsed)) {
    if (typeof value === 'string') parsed[name] = asItWas(value);
    else if (Array.isArray(value))
      parsed[name] = value.map((one: unknown) => (typeof one === 'string' ? asItWas(one) : one));
  }
}

function asItWas(word: string): string {
  return word.startsWith(SAVED) ? word.slice(SAVED.length) : word;
}

/** What may be given several times. */
const SEVERAL = ['files', 'keys', 'expectKey', 'expect-key', '_', '--'];

/**
 * Of an option that is given more than once the last one counts, as a script that adds its own to those of a person expects;
 * of lists all do. The parser makes an array of them, which no command asks for.
 */
export function takeLast(parsed: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(parsed)) {
    if (!Array.isArray(value) || SEVERAL.includes(name)) continue;
    parsed[name] = name === 'include' ? value.join(',') : value.at(-1);
  }
}
