import { cpuTime } from '../tools/cpu.js';
import { applicationDatabases, miniDatabases } from './databases.js';
import type { Repair } from './recover.js';
import { recover } from './recover.js';
import { damagedCopies, ROWS } from './rows.js';
import { scoreOf } from './score.js';
import { RUNS, seedFor } from './settings.js';
import { Tally } from './tally.js';

/** Columns after the row's name: the title, and the number of a tally. */
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
  ['unclear', ({ ambiguous, ambiguousRecalled }) => `${ambiguousRecalled}/${ambiguous}`],
];
const WIDTH = 11;

/**
 * Judges some rows on the small databases of every format and on those of the real library, and prints each as it ends:
 * records that are there, that came back, that were lost, that came back with another value; records that were hit and came
 * back with bytes that were never stored (changed) or with an old value; keys that were not in force; refusals; and of the
 * records that are there those whose place several copies of their key leave open, how many came back.
 */
export async function judgeRows(options: {
  readonly rows: RegExp;
  readonly databases: RegExp;
  readonly repair: Repair | undefined;
}): Promise<void> {
  const seed = seedFor('table');
  const databases = [...miniDatabases(seed), ...(await applicationDatabases(seed))].filter(({ name }) =>
    options.databases.test(name),
  );
  const rows = ROWS.filter(({ name }) => options.rows.test(name));
  const width = Math.max(3, ...rows.map(({ name }) => name.length));
  const print = (name: string, cells: readonly (string | number)[]) => {
    const padded = cells.map((cell) => String(cell).padStart(WIDTH)).join('');
    process.stdout.write(`${name.padEnd(width)}${padded}\n`);
  };
  print('row', [...COLUMNS.map(([title]) => title), 'CPU s']);
  const total = new Tally();
  const began = cpuTime();
  const end = (name: string, tally: Tally, since: number) => {
    const seconds = ((cpuTime() - since) / 1000).toFixed(1);
    print(name, [...COLUMNS.map(([, cell]) => cell(tally)), seconds]);
  };
  for (const row of rows) {
    const since = cpuTime();
    const tally = new Tally();
    for (const { intact, damaged } of damagedCopies(row, databases, RUNS)) {
      const { contents } = await recover(damaged.bytes, options.repair);
      const score = scoreOf(intact, damaged, contents);
      for (const one of [tally, total]) one.add(intact.records.size, score, contents === undefined);
    }
    end(row.name, tally, since);
  }
  end('all', total, began);
}
