import fc from 'fast-check';
import { anyModelNames, modelsNamed } from './combine.js';
import { FAULTS } from './faultmodels.js';
import type { Damaged } from './damaged.js';
import type { Intact } from './intact.js';
import { damagedCopy } from './judge.js';
import type { Model } from './models.js';
import { MODELS } from './models.js';
import { MOVED } from './movedmodels.js';
import { seedFor } from './settings.js';
import { VERSIONS } from './versionmodels.js';

/** A way of damage that is judged by itself: a row of docs/torture.md. */
export interface Row {
  readonly name: string;
  /** The databases that are damaged so; the usual ones where it is not set. */
  readonly databases?: 'usual' | 'growing';
  /** The models of one trial, one after the other. */
  readonly draw: (seed: number) => readonly Model[];
}

export const ROWS: readonly Row[] = [
  ...MODELS.map(single),
  {
    name: 'two to four of these together',
    draw: (seed) => modelsNamed(fc.sample(anyModelNames, { seed, numRuns: 1 })[0]),
  },
  ...FAULTS.map(single),
  ...MOVED.map(single),
  ...VERSIONS.map((model): Row => ({ ...single(model), databases: 'growing' })),
];

function single(model: Model): Row {
  return { name: model.name, draw: () => [model] };
}

/** Damaged copies of each database that suits the row, the same from the same seed. */
export function* damagedCopies({ name, draw }: Row, databases: readonly Intact[], runs: number) {
  for (const intact of databases) {
    for (let run = 0; run < runs; run++) {
      const seed = seedFor('table', name, intact.name, run);
      const models = draw(seed);
      if (models.some(({ suits }) => suits?.(intact) === false)) continue;
      const damaged: Damaged = damagedCopy(intact, models, seed);
      yield { intact, damaged };
    }
  }
}
