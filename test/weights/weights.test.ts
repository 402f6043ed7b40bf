import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { fixture } from '../tools/fixtures.js';
import type { Trial } from './trials.js';
import { allWeights, listings, nameOf, repairs, valueOf, withWeight } from './trials.js';

/** For each weight a damaged file whose salvage changes with it, by `npm run weights -- --write`. */
type Witnesses = Record<string, { readonly trial: string; readonly seed: number; readonly factor: number }>;
const witnesses = JSON.parse(await readFile(fixture('../test/weights/witnesses.json'), 'utf8')) as Witnesses;

const trialsOf = new Map<string, readonly Trial[]>();
function trialNamed(name: string, seed: number, isOld: boolean): Trial | undefined {
  const group = `${isOld} ${seed}`;
  const trials = trialsOf.get(group) ?? [...(isOld ? listings(seed) : repairs(seed))];
  trialsOf.set(group, trials);
  return trials.find((one) => one.name === name);
}

for (const weight of allWeights()) {
  const name = nameOf(weight);
  test(`the weight ${name} decides: with another value a salvage gives something else`, async (t) => {
    if (!(name in witnesses))
      return t.skip('no damaged file is known that depends on it: npm run weights -- --write');
    const { trial: title, seed, factor } = witnesses[name];
    const trial = trialNamed(title, seed, weight.part === 'old');
    assert.ok(trial !== undefined, `no trial "${title}" of seed ${seed}: npm run weights -- --write`);
    const usual = await trial.run();
    const changed = await withWeight(weight, valueOf(weight) * factor, trial.run);
    assert.notEqual(changed.digest, usual.digest);
  });
}
