import fc from 'fast-check';
import { Random } from '../tools/random.js';
import { anyModelNames, modelsNamed } from './combine.js';
import type { Damaged } from './damaged.js';
import {
  applicationDatabases,
  growingMinis,
  growingReals,
  mailMinis,
  mailReals,
  miniDatabases,
  nestingMinis,
  nestingReals,
} from './databases.js';
import type { Floor } from './floors.js';
import { ALL, FLOORS } from './floors.js';
import { FAULTS } from './faultmodels.js';
import type { Intact } from './intact.js';
import { damagedCopy } from './judge.js';
import type { Model } from './models.js';
import { MODELS } from './models.js';
import { MOVED } from './movedmodels.js';
import { seedFor } from './settings.js';
import { VERSIONS } from './versionmodels.js';
import { CONTAINERS, TRANSFORMS } from './wholemodels.js';

/** The databases that rows are judged on: by the project's own writer, in every format, and by the real library. */
export const DATABASES = {
  usual: { minis: miniDatabases, reals: applicationDatabases },
  growing: { minis: growingMinis, reals: growingReals },
  mails: { minis: mailMinis, reals: mailReals },
  nesting: { minis: nestingMinis, reals: nestingReals },
} as const satisfies Record<
  string,
  { minis: (seed: number) => Intact[]; reals: (seed: number) => Promise<Intact[]> }
>;

/** A way of damage that is judged by itself: a row of docs/torture.md. */
export interface Row {
  readonly name: string;
  readonly databases: keyof typeof DATABASES;
  /** The models of one trial, one after the other. */
  readonly draw: (seed: number, intact: Intact) => readonly Model[];
  /** The damage changes bytes, so that a value may be changed and nothing tells of it. */
  readonly changesBytes?: boolean;
}

/** The least result of a row. */
export function floorOf({ name }: Row): Floor {
  return FLOORS[name] ?? ALL;
}

/** Models in the order in which several come together: old pages are at their places, and an encoding hides all places. */
const IN_ORDER = [...VERSIONS, ...MODELS, ...FAULTS, ...MOVED, ...CONTAINERS, ...TRANSFORMS];

/** Models of which the databases with another one as a value are damaged, too: the outer one must come back. */
const WITH_INNER = [
  ...CONTAINERS,
  ...MODELS.filter(({ name }) => /^(header block lost|blocks of the beginning missing)$/.test(name)),
];

export const ROWS: readonly Row[] = [
  ...MODELS.map((model): Row => ({ ...single(model), changesBytes: true })),
  {
    name: 'two to four of these together',
    databases: 'usual',
    changesBytes: true,
    draw: (seed) => modelsNamed(fc.sample(anyModelNames, { seed, numRuns: 1 })[0]),
  },
  ...FAULTS.map(single),
  ...MOVED.map(single),
  ...VERSIONS.map((model): Row => ({ ...single(model), databases: 'growing', changesBytes: true })),
  ...CONTAINERS.map(single),
  ...WITH_INNER.map((model): Row => ({
    ...single(model),
    name: `${model.name}, with another database as a value`,
    databases: 'nesting',
  })),
  ...TRANSFORMS.map((model): Row => {
    return { ...single(model), databases: model.name.startsWith('every CR LF') ? 'mails' : 'usual' };
  }),
  together('two', 2, 'usual'),
  together('three', 3, 'usual'),
  together('two', 2, 'growing'),
  together('three', 3, 'growing'),
];

function single(model: Model): Row {
  return { name: model.name, databases: 'usual', draw: () => [model] };
}

/** Any models together that suit the database; in one that grew one of them mixes its versions. */
function together(word: string, count: number, databases: 'usual' | 'growing'): Row {
  return {
    name: `any ${word} of all these together${databases === 'growing' ? ', in a file that grew' : ''}`,
    databases,
    changesBytes: true,
    draw: (seed, intact) => {
      const random = new Random(seed);
      const suiting = IN_ORDER.filter(({ suits }) => suits?.(intact) !== false);
      const drawn = new Set<Model>(databases === 'growing' ? [random.pick(VERSIONS)] : []);
      while (drawn.size < count) drawn.add(random.pick(suiting));
      return IN_ORDER.filter((model) => drawn.has(model));
    },
  };
}

/** Damaged copies of each database that suits the row, the same from the same seed. */
export function* damagedCopies({ name, draw }: Row, databases: readonly Intact[], runs: number) {
  for (const intact of databases) {
    for (let run = 0; run < runs; run++) {
      const seed = seedFor('table', name, intact.name, run);
      const models = draw(seed, intact);
      if (models.some(({ suits }) => suits?.(intact) === false)) continue;
      const damaged: Damaged = damagedCopy(intact, models, seed);
      yield { intact, run, damaged };
    }
  }
}
