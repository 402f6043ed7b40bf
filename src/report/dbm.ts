import type { DbmCheck } from '../dbm/kind.js';
import type { FoundDbm } from '../dbm/which.js';
import { safeSentence, shellPath } from './escape.js';
import { count, field } from './sentences.js';
import type { Line } from './wrap.js';

/** A database that is not GDBM, and what a check of it found. */
export interface OtherDatabase {
  readonly found: FoundDbm;
  readonly checked: DbmCheck;
}

/** The state of the database in one sentence, without a full stop. */
export function otherVerdict({ found: { kind }, checked: { verdict, records } }: OtherDatabase): string {
  const name = `${kind === 'berkeley-db' ? 'Berkeley DB' : kind} (not GDBM)`;
  if (verdict === 'damaged') return `DAMAGED ${name}`;
  if (verdict === 'unknown') return `${name}, not checked`;
  return `healthy ${name}${records === undefined ? '' : `, ${count(records, 'record')}`}`;
}

/** The one thing to do; undefined if there is nothing. */
export function otherAdvice({
  found: { kind, files },
  checked: { verdict, isJoined },
}: OtherDatabase): string | undefined {
  const [path, ...more] = files;
  if (kind === 'berkeley-db')
    return `db_dump -p ${shellPath(path)} | gdbm-doctor load - ${shellPath(`${path}.gdbm`)}`;
  if (verdict !== 'damaged') return undefined;
  if (kind === 'dbm.sqlite3') return `sqlite3 ${shellPath(path)} .recover > ${shellPath(`${path}.sql`)}`;
  const older = more.find((one) => one.endsWith('.bak'));
  const index = path.replace(/dat$/, 'dir');
  if (older === undefined) return undefined;
  if (isJoined !== true) return `cp -i ${shellPath(older)} ${shellPath(index)}`;
  // The newer line of a key counts.
  const both = shellPath(`${index}.both`);
  const join = `awk '{ key = $0; sub(/, \\([0-9, ]*\\)$/, "", key) } !seen[key]++'`;
  return `${join} ${shellPath(index)} ${shellPath(older)} > ${both} && mv -i ${both} ${shellPath(index)}`;
}

/** Lines about the database for a person, below its verdict. */
export function otherLines(other: OtherDatabase): Line[] {
  const { found, checked } = other;
  const advice = otherAdvice(other);
  return [
    ...checked.problems.map((problem) => `  ${safeSentence(problem)}.`),
    ...(found.files.length > 1 ? [field('its files', found.files.join(', '))] : []),
    ...(advice === undefined ? [] : [{ whole: `  To do: ${advice}` }]),
  ];
}

/** The database as programs read it. */
export function otherReport({ found, checked }: OtherDatabase): object {
  const { verdict, records, problems } = checked;
  return { kind: found.kind, files: found.files, verdict, records: records ?? null, problems };
}
