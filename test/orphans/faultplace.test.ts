import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { FaultEvidence } from '../../src/orphans/faultplace.js';

/** Ends and beginnings of structures in a file of some size, and a fault in it. */
const anyFault = fc.record({
  at: fc.integer({ min: 1, max: 60 }),
  missing: fc.integer({ min: -20, max: 20 }).filter((n) => n !== 0),
  runs: fc.array(fc.record({ at: fc.nat(100), length: fc.integer({ min: 1, max: 6 }) }), { maxLength: 30 }),
});

test('what is at its own place and what is not are the evidence between which a fault lies', () => {
  let behind = 0;
  fc.assert(
    fc.property(anyFault, ({ at, missing, runs }) => {
      const evidence = new FaultEvidence();
      // Something is at the beginning of each file.
      evidence.before(1);
      const gone = at + Math.max(0, missing);
      const before = [{ at: 0, length: 1 }, ...runs.filter((run) => run.at + run.length <= at)];
      const after = runs.filter((run) => run.at >= gone);
      for (const run of before.slice(1)) evidence.before(run.at + run.length);
      for (const run of after) evidence.behind(run.at, missing);
      behind += after.length;
      const { first, last, gain, against } = evidence.best();
      // Nothing of it is wrong at the true place, nor at any between these; the next ones are told otherwise.
      assert.deepEqual([gain, against], [after.length, 0]);
      assert.equal(first, Math.max(...before.map((run) => run.at + run.length)));
      const nearest = Math.min(...after.map((run) => run.at)) - Math.max(0, missing);
      assert.equal(last, after.length === 0 ? first : nearest);
      assert.ok(first <= at && (after.length === 0 || last >= at));
    }),
    { seed: 20261129 },
  );
  assert.ok(behind > 200, `${behind} of them behind`);
});

test('a few old copies that say otherwise do not move a fault, and are told as what is against it', () => {
  const evidence = new FaultEvidence();
  for (let n = 1; n <= 50; n++) {
    evidence.before(10 * n);
    evidence.behind(1000 + 10 * n, 100);
  }
  // One that is still where it belonged, behind the fault, and one that is found as many bytes before its place in front of it.
  evidence.before(1200);
  evidence.behind(300, 100);
  const { first, last, gain, against } = evidence.best();
  assert.deepEqual([first, last, gain], [500, 910, 49]);
  assert.equal(against, 1 / 51);
});
