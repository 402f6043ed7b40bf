import assert from 'node:assert/strict';
import type { LibGdbm } from '../tools/libgdbm.js';
import type { Intact } from './intact.js';
import { isKnownGap } from './gaps.js';
import { damagedCopy, tryRepair } from './judge.js';
import type { Model } from './models.js';
import { RUNS, SEED, seedFor } from './settings.js';

/** Repairs copies of each database damaged by one model, and fails with every fault there was. */
export async function torture(model: Model, databases: readonly Intact[], lib?: LibGdbm): Promise<void> {
  const faults: string[] = [];
  let trials = 0;
  for (const intact of databases) {
    if (model.suits?.(intact) === false) continue;
    for (let run = 0; run < RUNS; run++) {
      const damaged = damagedCopy(intact, [model], seedFor(model.name, intact.name, run));
      const { fault, score } = await tryRepair(intact, damaged, lib);
      trials++;
      if (fault !== undefined && !isKnownGap([model.name], score))
        faults.push(`${intact.name}, run ${run}: ${fault}`);
    }
  }
  assert.equal(faults.length, 0, `SEED=${SEED}, ${faults.length} of ${trials}:\n${faults.join('\n')}`);
}
