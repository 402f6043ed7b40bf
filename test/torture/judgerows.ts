import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cpuTime } from '../tools/cpu.js';
import { Lookups } from './lookedup.js';
import type { Intact } from './intact.js';
import type { Repair } from './recover.js';
import { shortfalls } from './floors.js';
import { tryRepair } from './judge.js';
import type { Row } from './rows.js';
import { damagedCopies, DATABASES, floorOf, ROWS } from './rows.js';
import { RUNS, seedFor } from './settings.js';
import { Tally } from './tally.js';

/**
 * Columns after the row's name: the title, and the number of a tally.
 *
 * - there, back, lost, wrong: records that are still in the file, that came back right, not at all, with another value.
 * - changed, old: records that were hit and came back with bytes that were never stored, with a value that they once had.
 * - invented: keys that were not in force; in parentheses those that nothing in the file tells from real ones.
 * - worse: records that a lookup by libgdbm finds right in the damaged file, and the repaired one lacks.
 * - older: records of which only an older value is left; how many came back with it.
 * - unclear: records that are there but not by their element alone, see `Survivors.ambiguous`; how many came back.
 */
const COLUMNS: readonly (readonly [title: string, cell: (tally: Tally) => string | number])[] = [
  ['trials', ({ trials }) => trials],
  ['there', ({ there }) => there],
  ['back', ({ recalled }) => recalled],
  ['recall', ({ recall }) => recall],
  ['lost', ({ lost }) => lost],
  ['wrong', ({ wrong }) => wrong],
  ['changed', ({ changed }) => changed],
  ['old', ({ outdated }) => outdated],
  ['invented', ({ inventions }) => inventions],
  ['refused', ({ refused }) => refused],
  ['unsound', ({ unsound }) => unsound],
  ['worse', ({ worse }) => worse],
  ['older', ({ older, olderRecalled }) => `${olderRecalled}/${older}`],
  ['unclear', ({ ambiguous, ambiguousRecalled }) => `${ambiguousRecalled}/${ambiguous}`],
];
const WIDTH = 11;

/** Options of a judgement. */
interface JudgeOptions {
  /** The repair of another checkout. */
  readonly repair?: Repair | undefined;
  /** Folder to which the damaged files are written. */
  readonly keep?: string | undefined;
}

/** Results of a row for these databases. */
export async function tallyOf(
  row: Row,
  databases: readonly Intact[],
  lookups: Lookups,
  { repair, keep }: JudgeOptions = {},
): Promise<Tally> {
  const tally = new Tally();
  for (const { intact, run, damaged } of damagedCopies(row, databases, RUNS)) {
    if (keep !== undefined) {
      const name = `${row.name}, ${intact.name}, ${run}.db`.replaceAll('/', ' ');
      await writeFile(join(keep, name), damaged.bytes);
    }
    const trial = await tryRepair(intact, damaged, lookups.lib, repair);
    tally.add(intact.records.size, trial);
    if (trial.unsound !== undefined) process.stderr.write(`${row.name}, ${intact.name}: ${trial.unsound}\n`);
    tally.worse += await lookups.worse(intact, damaged.bytes, trial.contents);
  }
  return tally;
}

/** Judges some rows, and prints each as it ends. @returns the rows that are below their floor, and why */
export async function judgeRows(
  options: JudgeOptions & { readonly rows: RegExp; readonly databases: RegExp },
): Promise<string[]> {
  const seed = seedFor('table');
  const groups = new Map<string, Intact[]>();
  const databasesOf = async ({ databases }: Row) => {
    const { minis, reals } = DATABASES[databases];
    const group = groups.get(databases) ?? [...minis(seed), ...(await reals(seed))];
    groups.set(databases, group);
    return group.filter(({ name }) => options.databases.test(name));
  };
  const rows = ROWS.filter(({ name }) => options.rows.test(name));
  const width = Math.max(3, ...rows.map(({ name }) => name.length));
  const print = (name: string, cells: readonly (string | number)[]) => {
    const padded = cells.map((cell) => String(cell).padStart(WIDTH)).join('');
    process.stdout.write(`${name.padEnd(width)}${padded}\n`);
  };
  print('row', [...COLUMNS.map(([title]) => title), 'CPU s']);
  const below: string[] = [];
  const lookups = new Lookups();
  const total = new Tally();
  const began = cpuTime();
  const end = (name: string, tally: Tally, since: number) => {
    const seconds = ((cpuTime() - since) / 1000).toFixed(1);
    print(name, [...COLUMNS.map(([, cell]) => cell(tally)), seconds]);
  };
  for (const row of rows) {
    const since = cpuTime();
    const tally = await tallyOf(row, await databasesOf(row), lookups, options);
    total.include(tally);
    end(row.name, tally, since);
    const found = shortfalls(tally, floorOf(row), row.changesBytes === true);
    if (found.length > 0) below.push(`${row.name}: ${found.join('; ')}`);
  }
  end('all', total, began);
  lookups.close();
  return below;
}
