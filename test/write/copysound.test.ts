import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { CheckResult } from '../../src/check/check.js';
import { memorySink } from '../../src/write/sink.js';
import { check, openProved } from '../../src/examine.js';
import { provedContents } from '../../src/write/contents.js';
import { verifyFresh, VerifyError, writeFresh } from '../../src/write/write.js';
import { memorySource } from '../../src/source/source.js';
import { contentsOf } from '../torture/recover.js';
import { formats, miniDatabase } from '../torture/databases.js';
import { runs, SWEEP } from '../tools/effort.js';

/*
 * A fresh copy of a database whose records are in order: the same records in a sound file, and nothing else of the old one.
 */

const SEED = 20261124;
const databases = [...formats('standard'), ...formats('numsync'), ...formats('old')].map((format) =>
  miniDatabase(format, { blockSize: 512, seed: SEED, records: 120, maxValue: 200 }),
);

async function copied(bytes: Uint8Array) {
  const opened = await openProved(memorySource(bytes));
  assert.ok(opened);
  const contents = provedContents(opened);
  const sink = memorySink();
  const written = await writeFresh(contents, sink);
  assert.ok(written.copied);
  const verify = async (bytes: Uint8Array) =>
    (await verifyFresh(contents, written, memorySource(bytes))).checked;
  return { verify, fresh: sink.bytes() };
}

/** Without functions, which are never the same. */
function comparable({ space, doubtful, ...rest }: CheckResult) {
  const { bytes, gaps, overlaps } = space!;
  return { ...rest, doubtful: doubtful!.counts, bytes, gaps, overlaps, unused: [...space!.unused()] };
}

test('the copy is sound, has every record and no byte of what was deleted', async () => {
  for (const { bytes, name, history, records } of databases) {
    const { verify, fresh } = await copied(bytes);
    const verified = await verify(fresh);
    const { verdict, records: counts } = verified;
    // The comparison says the same of it as a check of it by itself.
    assert.deepEqual(comparable(verified), comparable(await check(memorySource(fresh))), name);
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
  const copies = await Promise.all(databases.map(({ bytes }) => copied(bytes)));
  const contents = await Promise.all(copies.map(({ fresh }) => contentsOf(fresh)));
  let seen = 0;
  const place = fc.oneof(fc.nat(2000), fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }));
  await fc.assert(
    fc.asyncProperty(
      fc.nat(copies.length - 1),
      place,
      fc.integer({ min: 1, max: 255 }),
      async (n, where, change) => {
        const { verify, fresh } = copies[n];
        const held = contents[n];
        const at = where < 1 ? Math.floor(where * fresh.length) : where;
        const changed = Uint8Array.from(fresh);
        changed[at] ^= change;
        const verified = await verify(changed).then(
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
        // A change that passed changes no record and leaves a sound file.
        assert.equal((await check(memorySource(changed))).verdict, 'healthy');
        assert.deepEqual(await contentsOf(changed), held);
      },
    ),
    { seed: SEED, numRuns: runs(1500) },
  );
  assert.ok(seen > (SWEEP ? 400 : 40), `${seen} were seen`);
});
