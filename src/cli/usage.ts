/** Letters that may be wrong in a command for another to be meant. */
const WRONG_LETTERS = 2;

/**
 * What to tell a person of a wrong command line: the parser's own words say neither what a command needs nor which one may
 * have been meant.
 *
 * @param message the parser's
 * @param args without node and the script
 * @param commands the names of all commands
 */
export function usageText(message: string, args: readonly string[], commands: readonly string[]): string {
  const [command] = args;
  if (command !== undefined && !command.startsWith('-') && !commands.includes(command)) {
    const meant = nearest(command, commands);
    const hint = meant === undefined ? '.' : `; did you mean ${meant}?`;
    return `expected a command, found "${command}"${hint} See: gdbm-doctor --help`;
  }
  const help = commands.includes(command) ? `gdbm-doctor ${command} --help` : 'gdbm-doctor --help';
  const few = /^Not enough non-option arguments: got (\d+), need at least (\d+)$/.exec(message);
  if (few === null) return `${message}. See: ${help}`;
  const [got, need] = few.slice(1).map(Number);
  const expected = need === 1 ? 'a file' : `${need} words`;
  return `expected ${expected} after ${command}, found ${got === 0 ? 'none' : `only ${got}`}. See: ${help}`;
}

function nearest(word: string, commands: readonly string[]): string | undefined {
  const [best] = commands
    .map((command) => ({ command, wrong: distance(word, command) }))
    .filter(({ wrong, command }) => wrong <= WRONG_LETTERS && wrong < command.length / 2)
    .sort((a, b) => a.wrong - b.wrong);
  return best?.command;
}

/** Letters to be put in, taken out or changed to make one word of another (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length];
}
