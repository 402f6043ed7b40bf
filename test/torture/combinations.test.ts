import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { anyModelNames, modelsNamed } from './combine.js';
import { formats, miniDatabase } from './databases.js';
import { damagedCopy, tryRepair } from './judge.js';
import { RUNS, SEED, seedFor } from './settings.js';
import { runs } from '../tools/effort.js';

const SPEC = { blockSize: 512, seed: seedFor('combinations'), records: 300, maxValue: 300 };
const databases = new Map(
  [...formats('standard'), ...formats('numsync')]
    .map((format) => miniDatabase(format, SPEC))
    .map((intact) => [intact.name, intact]),
);

/** A model after which records are another file's; see gaps.ts. */
const MIXING = /mixed/;

test('however damages come together, hardly a value is wrong, no key is made up, and nearly all comes back', async () => {
  let survivors = 0;
  let recalled = 0;
  let wrong = 0;
  // A failure is made smaller by its models and its database; another seed would be other damage.
  const anySeed = fc.noShrink(fc.nat());
  const anyDatabase = fc.constantFrom(...databases.keys());
  await fc.assert(
    fc.asyncProperty(anyModelNames, anyDatabase, anySeed, async (names, database, seed) => {
      const intact = databases.get(database)!;
      const { score } = await tryRepair(intact, damagedCopy(intact, modelsNamed(names), seed));
      const stored = score.invented.every(({ from }) => from !== 'never stored');
      assert.ok(stored, 'a key that nobody stored');
      if (names.some((name) => MIXING.test(name))) return;
      survivors += score.survivors;
      recalled += score.recalled;
      wrong += score.wrong.length;
    }),
    { seed: SEED, numRuns: runs(100 * RUNS) },
  );
  assert.ok(recalled >= 0.98 * survivors, `${recalled} of ${survivors} survivors`);
  // With every bucket's head, the directory and the free lists gone, two elements may know one key, and one is old.
  assert.ok(wrong <= 0.001 * survivors, `${wrong} wrong values of ${survivors} survivors`);
});
