import yargs from 'yargs';
import type { Command } from './options.js';

/** An option of a command, as its own declaration has it. */
export interface OptionFacts {
  readonly name: string;
  /** Its other names, of one letter. */
  readonly letters: readonly string[];
  /** False for a switch. */
  readonly takesValue: boolean;
  /** True for a switch that is on unless `--no-NAME` turns it off. */
  readonly isOnByDefault: boolean;
  readonly choices: readonly string[];
  readonly describe: string;
  readonly isHidden: boolean;
}

/** The part of yargs that its types leave out. */
interface Declared {
  getOptions(): {
    readonly key: Readonly<Record<string, unknown>>;
    readonly alias: Readonly<Record<string, readonly string[]>>;
    readonly boolean: readonly string[];
    readonly default: Readonly<Record<string, unknown>>;
    readonly choices: Readonly<Record<string, readonly unknown[]>>;
    readonly hiddenOptions: readonly string[];
  };
  getInternalMethods(): { getUsageInstance(): { getDescriptions(): Record<string, string | undefined> } };
}

/**
 * The options of a command. Those that every command has are among them.
 *
 * @param usage its line in the list of commands, which names the arguments
 */
export function optionsOf({ options }: Command, usage: string): OptionFacts[] {
  const parser = options(yargs([]).help(false).version(false)) as unknown as Declared;
  const { key, alias, boolean, default: defaults, choices, hiddenOptions } = parser.getOptions();
  const describes = parser.getInternalMethods().getUsageInstance().getDescriptions();
  const names = Object.keys(key).filter((name) => name.length > 1 && !isArgument(name, usage));
  return [
    ...names.map((name) => ({
      name,
      letters: (alias[name] ?? []).filter((other) => other.length === 1),
      takesValue: !boolean.includes(name),
      isOnByDefault: boolean.includes(name) && defaults[name] === true,
      choices: (choices[name] ?? []).map(String),
      describe: describes[name] ?? '',
      isHidden: hiddenOptions.includes(name),
    })),
    { ...SWITCH, name: 'help', letters: ['h'], describe: 'Show help' },
    { ...SWITCH, name: 'version', letters: ['V'], describe: 'Show the version' },
  ];
}

const SWITCH = { takesValue: false, isOnByDefault: false, choices: [], isHidden: false } as const;

function isArgument(name: string, usage: string): boolean {
  return new RegExp(`[<[]${name}[.\\]>]`).test(usage);
}

/**
 * The first word of a command line that is an option that the command does not have; undefined if there is none.
 *
 * @param words up to `--`
 */
export function unknownOption(words: readonly string[], options: readonly OptionFacts[]): string | undefined {
  const names = new Set(
    options.flatMap(({ name, takesValue }) => (takesValue ? [name] : [name, `no-${name}`])),
  );
  const letters = new Set(options.flatMap((option) => option.letters));
  return words.find((word) => {
    const [, name, letter] = /^(?:--([a-z][^=]*)|-([a-z]).*)/i.exec(word) ?? [];
    // yargs takes dryRun for dry-run.
    if (name !== undefined) return !names.has(name.replaceAll(/[A-Z]/g, (one) => `-${one.toLowerCase()}`));
    return letter !== undefined && !letters.has(letter);
  });
}

/** The option that somebody meant, if one differs in two characters at most; undefined if there is none. */
export function meantOption(word: string, options: readonly OptionFacts[]): string | undefined {
  const typed = word.replace(/=.*/, '');
  const names = options.filter(({ isHidden }) => !isHidden).map(({ name }) => `--${name}`);
  const [best] = names
    .map((name) => ({ name, distance: distanceOf(typed, name) }))
    .sort((a, b) => a.distance - b.distance);
  return best !== undefined && best.distance <= 2 ? best.name : undefined;
}

/** The number of characters to put in, take out or replace (Levenshtein). */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const replaced = row[j] + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(replaced, row[j + 1] + 1, next[j] + 1));
    }
    row = next;
  }
  return row[b.length];
}
