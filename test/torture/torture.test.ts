import test from 'node:test';
import { sample } from '../tools/effort.js';
import { formats, miniDatabase } from './databases.js';
import { MODELS } from './models.js';
import { seedFor } from './settings.js';
import { torture } from './trials.js';

/*
 * The promise of a repair, whatever damaged the file: each record whose element, key and value are still there comes
 * back with its value, no key appears that was not in the database, and the fresh file is sound.
 */

const MINI = { blockSize: 512, seed: seedFor('mini') };
const minis = [
  ...formats('standard').map((format) => miniDatabase(format, { ...MINI, records: 700, maxValue: 300 })),
  ...formats('standard').map((format) =>
    miniDatabase(format, { ...MINI, records: 300, maxValue: 300, left: 0.1 }),
  ),
  ...formats('numsync').map((format) => miniDatabase(format, { ...MINI, records: 120, maxValue: 900 })),
];

for (const [turn, model] of MODELS.entries()) {
  test(`${model.name}: every record still there comes back, in every format`, async () => {
    await torture(model, sample(minis, 2, turn));
  });
}
