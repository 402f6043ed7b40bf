import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import { fixture } from '../tools/fixtures.js';
import { anyModelNames, modelsNamed } from '../torture/combine.js';
import type { Damaged } from '../torture/damaged.js';
import { formats, miniDatabase } from '../torture/databases.js';
import { FAULTS } from '../torture/faultmodels.js';
import type { Intact } from '../torture/intact.js';
import { damagedCopy } from '../torture/judge.js';
import { MODELS } from '../torture/models.js';

/** A file that the commands are run on. */
export interface Input {
  /** Unique, such as `cases/swab.db` or `torture/7/blocks zeroed`. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The sound database and its damage, by which a repair is scored. */
  readonly truth?: { readonly intact: Intact; readonly damaged: Damaged };
}

/** The seeds of the torture trials, in turn. */
const SEEDS = [20261215, 20261216, 20261217];

/**
 * The fixtures, the regression cases, the files of other folders, and damaged databases of every format.
 *
 * @param folders further folders whose `.db` files are inputs
 * @param trials number of damaged databases; a smaller number gives the first of them
 */
export async function* inputs(folders: readonly string[], trials: number): AsyncGenerator<Input> {
  for (const folder of [fixture(''), fixture('../test/cases'), ...folders]) {
    for (const file of (await readdir(folder)).filter((name) => name.endsWith('.db')).sort()) {
      yield { name: `${basename(folder)}/${file}`, bytes: await readFile(join(folder, file)) };
    }
  }
  const databases = SEEDS.map(databasesOf);
  for (let trial = 0; trial < trials; trial++) yield tortureInput(databases[trial % SEEDS.length], trial);
}

/** Small databases in every format: many records, few records left of many, and numsync. */
function databasesOf(seed: number): Intact[] {
  const many = { blockSize: 512, seed, records: 400, maxValue: 300 };
  return [
    ...formats('standard').map((format) => miniDatabase(format, many)),
    ...formats('standard').map((format) => miniDatabase(format, { ...many, records: 200, left: 0.1 })),
    ...formats('numsync').map((format) => miniDatabase(format, { ...many, records: 120, maxValue: 900 })),
  ];
}

/** One trial: the models take turns, and with each turn of all of them the databases do. */
function tortureInput(databases: readonly Intact[], trial: number): Input {
  const single = [...MODELS, ...FAULTS];
  const turn = trial % (single.length + 1);
  const seed = trial * 7919 + 17;
  const models =
    turn < single.length ? [single[turn]] : modelsNamed(fc.sample(anyModelNames, { seed, numRuns: 1 })[0]);
  const first = Math.floor(trial / (single.length + 1)) + trial;
  const suiting = databases.filter((one) => models.every((model) => model.suits?.(one) !== false));
  const pool = suiting.length > 0 ? suiting : databases;
  const intact = pool[first % pool.length];
  const damaged = damagedCopy(intact, models, seed);
  const how = models.map(({ name }) => name).join(' + ');
  return { name: `torture/${trial}/${how}`, bytes: damaged.bytes, truth: { intact, damaged } };
}
