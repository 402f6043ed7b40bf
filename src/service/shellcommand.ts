/** The environment of a program. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A command as it is run: without a shell or `env` around it. */
export interface PlainCommand {
  readonly command: readonly string[];
  readonly env: Environment;
}

const SHELLS = ['sh', 'bash', 'dash', 'ash'];
/** Options of a shell that change nothing for one plain command; `-o` has a value. */
const SHELL_OPTION = /^-[euxo]*$/;
const ASSIGNMENT = /^([A-Za-z_]\w*)=(.*)$/s;
/** Commands of a shell that do more than to start a program. */
const BUILTINS =
  /^(!|\.|:|\[\[?|alias|builtin|case|cd|command|coproc|declare|do|echo|elif|else|eval|exit|export|fi|for|function|if|local|readonly|return|select|set|shift|source|then|time|trap|typeset|ulimit|umask|unset|until|wait|while)$/;

/**
 * Removes `sh -c "…"` and `env NAME=VALUE …` from around a command.
 *
 * @returns a sentence without a full stop if a script is run, or more than one plain command
 */
export function plainCommand(command: readonly string[], env: Environment): PlainCommand | string {
  const name = basename(command[0] ?? '');
  let inner: PlainCommand | string | undefined;
  if (SHELLS.includes(name)) inner = inShell(command, env);
  else if (name === 'env') inner = inEnv(command, env);
  else return { command, env };
  return typeof inner === 'string' ? inner : plainCommand(inner.command, inner.env);
}

function inShell([shell, ...words]: readonly string[], env: Environment): PlainCommand | string {
  for (let i = 0; i < words.length; i++) {
    const [word, next] = words.slice(i);
    if (/^-[eux]*c$/.test(word)) {
      const parsed = next === undefined ? undefined : parseScript(next, env);
      return parsed ?? `the script of ${shell} -c is more than one plain command`;
    }
    if (!word.startsWith('-')) return `${word} is a script`;
    if (!SHELL_OPTION.test(word)) break;
    if (word.endsWith('o')) i++;
  }
  return `the options of ${shell} are not known`;
}

function inEnv([, ...words]: readonly string[], env: Environment): PlainCommand | string {
  const changed: Record<string, string | undefined> = { ...env };
  for (let i = 0; i < words.length; i++) {
    const [, name, value] = ASSIGNMENT.exec(words[i]) ?? [];
    if (name !== undefined) changed[name] = value;
    else if (words[i] === '-u') changed[words[++i]] = undefined;
    else if (words[i].startsWith('-')) return 'the options of env are not known';
    else return { command: words.slice(i), env: changed };
  }
  return 'env starts no program';
}

/**
 * Parses a script that is one plain command, with quotes, simple variables, and variables set for the command.
 *
 * @returns undefined if it may be anything else
 */
export function parseScript(script: string, env: Environment): PlainCommand | undefined {
  const parsed = wordsOf(script.trim(), env);
  if (parsed === undefined) return undefined;
  const { words, expanded } = parsed;
  const changed: Record<string, string | undefined> = { ...env };
  let first = 0;
  for (; first < words.length; first++) {
    const [, name, value] = ASSIGNMENT.exec(words[first].text) ?? [];
    // A quoted name is no assignment.
    if (name === undefined || words[first].quotedAt < name.length + 1) break;
    // A shell may expand it before or after it is set.
    if (expanded.has(name)) return undefined;
    changed[name] = value;
  }
  const command = words.slice(first).map(({ text }) => text);
  if (command[0] === 'exec') command.shift();
  if (command.length === 0 || command[0].startsWith('-') || BUILTINS.test(command[0])) return undefined;
  return { command, env: changed };
}

interface Word {
  readonly text: string;
  /** Index of the first character that was quoted or expanded. */
  readonly quotedAt: number;
}

/** A variable, also with a plain value for one that is not set. */
const VARIABLE = /^\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::-([\w./:@%+,-]*))?\})/;
/** Characters of an unquoted value that a shell leaves as they are. */
const PLAIN_VALUE = /^[\w./:@%+,=-]+$/;
/** Characters that mean something to a shell where they are not quoted. */
const SPECIAL = /[;&|<>()`*?[\]{}\n\r]/;

/** Splits a script into its words, and gives the variables that were expanded; undefined if it is more than words. */
function wordsOf(script: string, env: Environment): { words: Word[]; expanded: Set<string> } | undefined {
  const words: Word[] = [];
  const expanded = new Set<string>();
  let text: string | undefined;
  let quotedAt = Infinity;
  let quote = '';
  const add = (more: string, isQuoted: boolean) => {
    if (isQuoted) quotedAt = Math.min(quotedAt, text?.length ?? 0);
    text = (text ?? '') + more;
  };
  for (let i = 0; i < script.length; i++) {
    const char = script[i];
    if (quote === "'") {
      if (char === "'") quote = '';
      else add(char, true);
    } else if (char === '\\') {
      const next = script[++i];
      if (next === undefined) return undefined;
      if (next === '\n') continue;
      add(quote === '"' && !'$`"\\'.includes(next) ? char + next : next, true);
    } else if (char === '$') {
      const match = VARIABLE.exec(script.slice(i));
      if (match === null) return undefined;
      const name = match[1] ?? match[2];
      const value = env[name] ?? '';
      const used = value === '' ? (match[3] ?? '') : value;
      if (quote === '' && !PLAIN_VALUE.test(used)) return undefined;
      expanded.add(name);
      add(used, true);
      i += match[0].length - 1;
    } else if (char === quote) {
      quote = '';
    } else if (quote === '"') {
      if (char === '`') return undefined;
      add(char, true);
    } else if (char === '"' || char === "'") {
      quote = char;
      add('', true);
    } else if (char === ' ' || char === '\t') {
      if (text !== undefined) words.push({ text, quotedAt });
      text = undefined;
      quotedAt = Infinity;
    } else {
      const isFirst = text === undefined || /[=:]$/.test(text);
      if (SPECIAL.test(char) || (char === '#' && text === undefined) || (char === '~' && isFirst))
        return undefined;
      add(char, false);
    }
  }
  if (quote !== '') return undefined;
  if (text !== undefined) words.push({ text, quotedAt });
  return { words, expanded };
}

/** The last part of a path. */
export function basename(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
