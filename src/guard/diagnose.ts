import type { Mending } from '../watch/mend.js';

/** What `doctor` says of a database's place. */
export interface Problem {
  readonly code: string;
  readonly severity: string;
  readonly found: string;
  readonly advice: string;
}

/** What stands in the way of a program that writes to its database; a new one needs the folder, too. */
const UNWRITABLE = [
  'volume-read-only',
  'folder-missing',
  'path-not-searchable',
  'path-is-directory',
  'not-a-file',
  'file-not-writable',
  'file-immutable',
];
const NO_NEW_FILE = 'folder-not-writable';
/** What says that another process has the database. */
const IN_USE = ['locked-by-process', 'open-in-process'];

/** Asks `doctor` about a database's place, and logs what it says. */
export async function diagnose({ own, log, path }: Mending): Promise<Problem[]> {
  const { stdout } = await own(['doctor', '--json', path]);
  const problems = problemsOf(stdout);
  for (const { code, severity, found, advice } of problems) {
    // The look says so too, where it is a problem at all.
    if (severity === 'notice' || code === 'file-missing' || code === 'file-empty') continue;
    const level = severity === 'error' ? 'error' : 'warning';
    log({ level, event: code, message: `${found} To do: ${advice}`, details: { path } });
  }
  return problems;
}

function problemsOf(text: string): Problem[] {
  try {
    const { files } = JSON.parse(text) as { files: { volume?: { problems?: Problem[] } }[] };
    return files[0]?.volume?.problems ?? [];
  } catch {
    return [];
  }
}

/** The problem that keeps a program from writing to its database, if there is one. */
export function whyUnwritable(problems: readonly Problem[], isNew: boolean): Problem | undefined {
  return problems.find(({ code }) => UNWRITABLE.includes(code) || (isNew && code === NO_NEW_FILE));
}

/** Whether another process was seen to have the database. */
export function wasInUse(problems: readonly Problem[]): boolean {
  return problems.some(({ code }) => IN_USE.includes(code));
}
