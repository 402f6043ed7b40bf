import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { sample, SWEEP } from '../tools/effort.js';
import { testWith } from '../tools/needs.js';
import { formats, miniDatabase, realDatabase } from './databases.js';
import { shortfalls } from './floors.js';
import type { Intact } from './intact.js';
import { damagedCopy, tryRepair } from './judge.js';
import { Lookups } from './lookedup.js';
import type { Row } from './rows.js';
import { DATABASES, floorOf, ROWS } from './rows.js';
import { RUNS, SEED, seedFor } from './settings.js';
import { Tally } from './tally.js';

/*
 * The promise of a repair: each record that is still there comes back with its value, no key appears that was not in the
 * database, and the fresh file is sound. Three trials of each row, each of another seed, in databases that take turns; all
 * of them in a sweep. `npm run torture` judges the rows by many more.
 */

type Kind = Row['databases'];

const MINI = { blockSize: 512, seed: seedFor('mini') };
/** Small databases, beside the usual ones those of which few records are left. */
const minis = new Map<Kind, Intact[]>();

function minisOf(kind: Kind): Intact[] {
  const usual = () => [
    ...formats('standard').map((format) => miniDatabase(format, { ...MINI, records: 500, maxValue: 300 })),
    ...formats('standard').map((format) => {
      return miniDatabase(format, { ...MINI, records: 300, maxValue: 300, left: 0.1 });
    }),
    ...formats('numsync').map((format) => miniDatabase(format, { ...MINI, records: 120, maxValue: 900 })),
  ];
  const made = minis.get(kind) ?? (kind === 'usual' ? usual() : DATABASES[kind].minis(MINI.seed));
  minis.set(kind, made);
  return made;
}

const REAL = { seed: seedFor('real'), records: SWEEP ? 1500 : 500, huge: 2, maxValue: SWEEP ? 6000 : 2000 };
const reals = new Map<Kind, Promise<Intact[]>>();

function realsOf(kind: Kind): Promise<Intact[]> {
  const usual = () => Promise.all([512, 4096].map((blockSize) => realDatabase({ ...REAL, blockSize })));
  const made = reals.get(kind) ?? (kind === 'usual' ? usual() : DATABASES[kind].reals(REAL.seed));
  reals.set(kind, made);
  return made;
}

let lookups: Lookups | undefined;
after(() => lookups?.close());

async function judge(row: Row, databases: readonly Intact[], firstSeed: number) {
  const tally = new Tally();
  for (const [n, intact] of databases.entries()) {
    for (let run = 0; run < RUNS; run++) {
      const seed = seedFor('rows', row.name, intact.name, firstSeed + n, run);
      const models = row.draw(seed, intact);
      if (models.some(({ suits }) => suits?.(intact) === false)) continue;
      const damaged = damagedCopy(intact, models, seed);
      const trial = await tryRepair(intact, damaged, lookups?.lib);
      tally.add(intact.records.size, trial);
      tally.worse += (await lookups?.worse(intact, damaged.bytes, trial.contents)) ?? 0;
    }
  }
  const found = shortfalls(tally, floorOf(row), row.changesBytes === true, !SWEEP);
  assert.deepEqual(found, [], `SEED=${SEED}, ${databases.map(({ name }) => name).join(' and ')}`);
}

for (const [turn, row] of ROWS.entries()) {
  test(`${row.name}: what is still there comes back, in every format`, async () => {
    await judge(row, sample(minisOf(row.databases), 2, turn), 0);
  });
  testWith(
    'libgdbm',
    `${row.name}: what is still there comes back, of the real library's files`,
    async () => {
      lookups ??= new Lookups();
      await judge(row, sample(await realsOf(row.databases), 1, turn), 2);
    },
  );
}
