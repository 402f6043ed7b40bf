import { named } from '../advice.js';
import { safeSentence } from '../escape.js';
import { wrap } from '../wrap.js';
import type { ErrorEntry } from './entry.js';
import { DAMAGE, USE } from './libgdbm.js';
import { DBM, PICKLE } from './python.js';
import { OTHERS, SYSTEM } from './system.js';

/** The index of error messages, by who prints them. */
export const ERROR_INDEX: readonly { readonly title: string; readonly entries: readonly ErrorEntry[] }[] = [
  { title: 'libgdbm: the file is damaged or of another kind', entries: DAMAGE },
  { title: 'libgdbm: the way in which a program uses the file', entries: USE },
  { title: 'Python: dbm and shelve', entries: DBM },
  { title: 'Python: pickle', entries: PICKLE },
  { title: 'The system', entries: SYSTEM },
  { title: 'Other databases and programs', entries: OTHERS },
];

const ENTRIES = ERROR_INDEX.flatMap(({ entries }) => entries);

/** An entry that fits a pasted text, with the one of its messages that stands in it. */
export interface FoundEntry extends ErrorEntry {
  readonly message: string;
}

/** Entries that fit a pasted text, the best first. */
export interface FoundErrors {
  readonly entries: readonly FoundEntry[];
  /** True if a message of each entry is in the text word for word; else some of its words are. */
  readonly isExact: boolean;
}

/** Entries that are given, at most. */
const MOST = 3;

/**
 * Finds the entries for a pasted text, such as a whole traceback. Case, punctuation, quotes, colours, and line breaks amid a
 * message do not matter. The last message of a text comes first, because it ended the program. A message with many causes
 * counts only where there is no other.
 */
export function findErrors(text: string): FoundErrors {
  const squeezed = squeeze(text);
  const matches = ENTRIES.flatMap((entry) => {
    const found = entry.messages.flatMap((message) => {
      const match = lastMatch(squeezed, message);
      return match === undefined ? [] : [{ ...match, message }];
    });
    return found.length === 0 ? [] : [{ entry, ...found.reduce((a, b) => (length(b) > length(a) ? b : a)) }];
  });
  const own = matches.filter(
    (one) => !matches.some((other) => length(other) > length(one) && isWithin(one, other)),
  );
  const special = own.filter(({ entry }) => entry.isGeneral !== true);
  const found = (special.length > 0 ? special : own).sort((a, b) => b.end - a.end);
  if (found.length === 0) return { entries: nearest(text), isExact: false };
  return {
    entries: found.slice(0, MOST).map(({ entry, message }) => ({ ...entry, message })),
    isExact: true,
  };
}

/** A text without all but letters and digits, and where its words begin. */
interface Squeezed {
  readonly text: string;
  /** Offsets in `text` at which a word begins, and its end. */
  readonly starts: ReadonlySet<number>;
}

/** A place in a squeezed text. */
interface Match {
  readonly start: number;
  readonly end: number;
}

const length = ({ start, end }: Match) => end - start;
const isWithin = (inner: Match, outer: Match) => inner.start >= outer.start && inner.end <= outer.end;

// eslint-disable-next-line no-control-regex -- the sequences that colour a terminal
const COLOURS = /\x1b\[[\d;]*[A-Za-z]/g;
const ENTITIES = /&(#\d+|#x[\da-f]+|[a-z]+);/gi;

function squeeze(text: string): Squeezed {
  const starts = new Set<number>();
  let squeezed = '';
  for (const word of wordsOf(text)) {
    starts.add(squeezed.length);
    squeezed += word;
  }
  return { text: squeezed, starts: starts.add(squeezed.length) };
}

function wordsOf(text: string): string[] {
  const plain = text.replace(COLOURS, '').replace(ENTITIES, ' ').toLowerCase();
  return plain.match(/[a-z\d]+/g) ?? [];
}

/** Characters that may stand for the part of a message that changes, at most. */
const CHANGING = 300;

/** The last place at which a message stands, from the beginning to the end of words. */
function lastMatch({ text, starts }: Squeezed, message: string): Match | undefined {
  const [first, ...rest] = message
    .split('…')
    .map((part) => squeeze(part).text)
    .filter((part) => part !== '');
  for (let start = text.lastIndexOf(first); start >= 0; start = text.lastIndexOf(first, start - 1)) {
    let end = start + first.length;
    for (const part of rest) {
      const at = text.indexOf(part, end);
      end = at < 0 || at - end > CHANGING ? -1 : at + part.length;
      if (end < 0) break;
    }
    if (end >= 0 && starts.has(start) && (starts.has(end) || message.endsWith('…'))) return { start, end };
    if (start === 0) break;
  }
  return undefined;
}

/** Share of a message's words that a text must have to be near it. */
const NEAR = 0.6;

/** Entries of which a text has some words. */
function nearest(text: string): FoundEntry[] {
  const words = new Set(wordsOf(text));
  const scored = ENTRIES.map((entry) => {
    const shares = entry.messages.map((message) => {
      const own = wordsOf(message).filter((word) => word.length > 2);
      const shared = own.filter((word) => words.has(word)).length;
      return shared < 2 ? 0 : shared / own.length;
    });
    const share = Math.max(...shares);
    return { entry: { ...entry, message: entry.messages[shares.indexOf(share)] }, share };
  });
  return scored
    .filter(({ share }) => share >= NEAR)
    .sort((a, b) => b.share - a.share)
    .slice(0, MOST)
    .map(({ entry }) => entry);
}

/** An entry with the database's name in its commands, if it is known. */
export function withPath(entry: FoundEntry, path: string | undefined): FoundEntry {
  if (path === undefined) return entry;
  return { ...entry, commands: entry.commands.map((command) => named(command, path)) };
}

const WIDTH = 85;

/** The entries for a person. */
export function errorsText({ entries, isExact }: FoundErrors, path: string | undefined): string {
  if (entries.length === 0) {
    return 'No message that is known stands in this text. gdbm-doctor doctor FILE looks at the database itself; docs/errors.md has all messages.\n';
  }
  const head = isExact ? '' : 'No message that is known stands in this text word for word. The nearest:\n\n';
  const parts = entries.map((entry) => entryText(withPath(entry, path)));
  const foot =
    path === undefined && entries.some(({ commands }) => commands.some((one) => /\bFILE\b/.test(one)))
      ? '\nFILE is the database. With its name behind the text the commands have it: doctor --error TEXT NAME\n'
      : '';
  return head + parts.join('\n') + foot;
}

function entryText({ message, from, meaning, cause, commands, expect }: FoundEntry): string {
  const field = (name: string, lines: readonly string[]) =>
    lines.map((line, n) => `  ${(n === 0 ? name : '').padEnd(12)} ${line}\n`).join('');
  const wrapped = (name: string, text: string) => field(name, wrap(text, WIDTH));
  return (
    `${message}\n` +
    wrapped('from', from) +
    wrapped('means', meaning) +
    wrapped('cause', cause) +
    field('to do', commands.length === 0 ? ['nothing about the file'] : commands.map(safeSentence)) +
    wrapped('expect', expect)
  );
}
