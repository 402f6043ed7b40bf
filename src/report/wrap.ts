/** Lines as a text, each with its end. */
export function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

/** Characters of a line where the width of the terminal is unknown. */
export const COLUMNS = 80;

/** A line of a report; a `whole` one is a command to paste, which is never broken. */
export type Line = string | { readonly whole: string };

/**
 * The same with lines of at most `width` characters. Only a command or a path that is longer than that has a longer line.
 */
export function wrappedText(lines: readonly Line[], width = COLUMNS): string {
  return textOf(lines.flatMap((line) => (typeof line === 'string' ? wrap(line, width) : [line.whole])));
}

/** A command of ours up to the end of its clause, a word in quotes, or a word; none of them is broken. */
const UNBROKEN = /gdbm-doctor [a-z](?:(?![;,.)](?: |$)).)*\S*|\$?'[^']*'\S*|\S+/g;
// eslint-disable-next-line no-control-regex -- colours take no room
const COLOUR = /\x1b\[[\d;]*m/g;

/** A line as lines of at most `width` characters, each with the indent of the first, or in the column of a field's value. */
export function wrap(line: string, width = COLUMNS): string[] {
  const fits = (text: string) => text.replace(COLOUR, '').length <= width;
  if (fits(line)) return [line];
  const indent = /^ */.exec(line)![0];
  const name = /^ {2}(?=.{12} )[a-z -]{12} /.exec(line)?.[0];
  const hang = ' '.repeat((name ?? indent).length);
  const lines: string[] = [];
  let current = name ?? indent;
  let isEmpty = true;
  for (const [word] of line.slice(current.length).matchAll(UNBROKEN)) {
    const longer = isEmpty ? current + word : `${current} ${word}`;
    if (isEmpty || fits(longer)) current = longer;
    else {
      lines.push(current);
      current = hang + word;
    }
    isEmpty = false;
  }
  return [...lines, current];
}
