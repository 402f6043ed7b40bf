import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { memorySink } from '../../src/build/sink.js';
import { check, openProved } from '../../src/examine.js';
import { foundDatabase } from '../../src/rebuild/checked.js';
import { rebuildProved } from '../../src/rebuild/rebuild.js';
import { verifyProved, VerifyError } from '../../src/rebuild/verify.js';
import { memorySource } from '../../src/source/memory.js';
import { contentsOf } from '../torture/recover.js';
import { formats, miniDatabase } from '../torture/databases.js';

/*
 * A fresh copy of a database whose records are in order: the same records in a sound file, and nothing else of the old one.
 */

const SEED = 20261124;
const databases = [...formats('standard'), ...formats('numsync'), ...formats('old')].map((format) =>
  miniDatabase(format, { blockSize: 512, seed: SEED, records: 120, maxValue: 200 }),
);

async function relocated(bytes: Uint8Array) {
  const opened = await openProved(memorySource(bytes));
  assert.ok(opened && foundDatabase(opened.checked));
  const proved = { db: opened.db, proof: opened.proof, checked: opened.checked };
  const sink = memorySink();
  await rebuildProved(proved, sink);
  return { proved, fresh: sink.bytes() };
}

test('the copy is sound, has every record and no byte of what was deleted', async () => {
  for (const { bytes, name, history, records } of databases) {
    const { proved, fresh } = await relocated(bytes);
    const { verdict, records: counts } = await verifyProved(proved, memorySource(fresh));
    assert.equal(verdict, 'healthy', name);
    assert.equal(counts.count, records.size);
    const held = new Map([...records].map(([key, { value }]) => [key, value]));
    assert.deepEqual(await contentsOf(fresh), held, name);
    const text = Buffer.from(fresh).toString('latin1');
    // Long enough to be nowhere by chance, and no part of a key that is still there.
    const deleted = [...history].filter(([key, [now]]) => now === undefined && key.length > 16);
    assert.ok(deleted.length > 0);
    for (const [key] of deleted)
      assert.ok(!text.includes(key) || [...records.keys()].some((one) => one.includes(key)));
  }
});

test('whatever byte of the copy is changed, the comparison sees it or it says nothing', async () => {
  const [{ bytes }] = databases;
  const { proved, fresh } = await relocated(bytes);
  const held = await contentsOf(fresh);
  let seen = 0;
  await fc.assert(
    fc.asyncProperty(fc.nat(fresh.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const changed = Uint8Array.from(fresh);
      changed[at] ^= change;
      const verified = await verifyProved(proved, memorySource(changed)).then(
        () => true,
        (error: unknown) => {
          assert.ok(error instanceof VerifyError, String(error));
          return false;
        },
      );
      if (!verified) {
        seen++;
        return;
      }
      // What it let pass changes no record and leaves a sound file.
      assert.equal((await check(memorySource(changed))).verdict, 'healthy');
      assert.deepEqual(await contentsOf(changed), held);
    }),
    { seed: SEED, numRuns: 400 },
  );
  assert.ok(seen > 100, `${seen} were seen`);
});
