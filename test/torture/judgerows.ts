import { cpuTime } from '../tools/cpu.js';
import { Lookups } from './lookedup.js';
import type { Intact } from './intact.js';
import type { Repair } from './recover.js';
import { recover } from './recover.js';
import type { Row } from './rows.js';
import { damagedCopies, DATABASES, ROWS } from './rows.js';
import { scoreOf } from './score.js';
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
  ['worse', ({ worse }) => worse],
  ['older', ({ older, olderRecalled }) => `${olderRecalled}/${older}`],
  ['unclear', ({ ambiguous, ambiguousRecalled }) => `${ambiguousRecalled}/${ambiguous}`],
];
const WIDTH = 11;

/** Judges some rows, and prints each as it ends. */
export async function judgeRows(options: {
  readonly rows: RegExp;
  readonly databases: RegExp;
  readonly repair: Repair | undefined;
}): Promise<void> {
  const seed = seedFor('table');
  const groups = new Map<string, Intact[]>();
  const databasesOf = async ({ databases }: Row) => {
    const group = groups.get(databases) ?? (await DATABASES[databases](seed));
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
  const lookups = new Lookups();
  const total = new Tally();
  const began = cpuTime();
  const end = (name: string, tally: Tally, since: number) => {
    const seconds = ((cpuTime() - since) / 1000).toFixed(1);
    print(name, [...COLUMNS.map(([, cell]) => cell(tally)), seconds]);
  };
  for (const row of rows) {
    const since = cpuTime();
    const tally = new Tally();
    for (const { intact, damaged } of damagedCopies(row, await databasesOf(row), RUNS)) {
      const { contents } = await recover(damaged.bytes, options.repair);
      const score = scoreOf(intact, damaged, contents);
      const worse = await lookups.worse(intact, damaged.bytes, contents);
      for (const one of [tally, total]) {
        one.add(intact.records.size, score, contents === undefined);
        one.worse += worse;
      }
    }
    end(row.name, tally, since);
  }
  end('all', total, began);
  lookups.close();
}
