import { sample, SWEEP } from '../tools/effort.js';
import { LibGdbm } from '../tools/libgdbm.js';
import { testWith } from '../tools/needs.js';
import { realDatabase } from './databases.js';
import type { Intact } from './intact.js';
import { MODELS } from './models.js';
import { seedFor } from './settings.js';
import { torture } from './trials.js';

/*
 * The same promise as in torture.test.ts, for files of this machine's real library, which also walks every fresh one.
 */

const SPEC = { seed: seedFor('real'), records: SWEEP ? 1500 : 500, huge: 2, maxValue: SWEEP ? 6000 : 2000 };
let databases: Promise<Intact[]> | undefined;

for (const [turn, model] of MODELS.entries()) {
  const name = `${model.name}: every record still there comes back, from the real library's file`;
  testWith('libgdbm', name, async (t) => {
    const lib = new LibGdbm();
    t.after(() => lib.close());
    databases ??= Promise.all([512, 4096].map((blockSize) => realDatabase({ ...SPEC, blockSize })));
    await torture(model, sample(await databases, 1, turn), lib);
  });
}
