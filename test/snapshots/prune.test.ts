import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { SnapshotName } from '../../src/store/snapshot.js';
import { tooMany, byAge, isWorse } from '../../src/store/snapshot.js';

const snapshots = fc.array(
  fc.record<SnapshotName>({
    // Few different times, so that some are equal.
    time: fc.integer({ min: 0, max: 30 }).map((seconds) => new Date(seconds * 1000)),
    hash: fc.stringMatching(/^[0-9a-f]{12}$/),
    records: fc.nat(5),
    poor: fc.boolean(),
  }),
  { maxLength: 40 },
);

test('the newest of each kind stay, and neither kind pushes out the other', () => {
  fc.assert(
    fc.property(snapshots, fc.integer({ min: 1, max: 8 }), (all, keep) => {
      const gone = new Set(tooMany(all, keep));
      for (const poor of [false, true]) {
        const kind = all.filter((one) => one.poor === poor);
        const kept = kind.filter((one) => !gone.has(one));
        assert.equal(kept.length, Math.min(keep, kind.length));
        const removed = kind.filter((one) => gone.has(one));
        for (const one of kept) for (const other of removed) assert.ok(one.time >= other.time);
        // The other kind makes no difference.
        assert.deepEqual(removed.sort(byAge), tooMany(kind, keep).sort(byAge));
      }
    }),
  );
});

test('the newest good one always stays, for any number to keep', () => {
  fc.assert(
    fc.property(snapshots, fc.integer({ min: -3, max: 3 }), (all, keep) => {
      const newest = all.filter(({ poor }) => !poor).sort(byAge)[0];
      if (newest !== undefined) assert.ok(!tooMany(all, keep).includes(newest));
    }),
  );
});

test('the last good snapshot survives any sequence of snapshots', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3), { maxLength: 40 }), fc.integer({ min: 1, max: 4 }), (life, keep) => {
      let stored: SnapshotName[] = [];
      let lastWithRecords: number | undefined;
      for (const [i, records] of life.entries()) {
        const newestGood = stored.filter(({ poor }) => !poor).sort(byAge)[0];
        const poor = isWorse(newestGood, { records }) !== undefined;
        const one = { time: new Date(i * 1000), hash: '0'.repeat(12), records, poor };
        stored = [one, ...stored];
        const gone = new Set(tooMany(stored, keep));
        stored = stored.filter((other) => !gone.has(other));
        if (records > 0) lastWithRecords = i;
      }
      if (lastWithRecords === undefined) return;
      assert.ok(stored.some(({ time }) => time.getTime() === (lastWithRecords ?? 0) * 1000));
    }),
  );
});

test('an emptied database is worse, an always empty one is not', () => {
  assert.equal(isWorse(undefined, { records: 0 }), undefined);
  assert.equal(isWorse({ records: 0 }, { records: 0 }), undefined);
  assert.equal(isWorse({ records: 9 }, { records: 1 }), undefined);
  assert.match(isWorse({ records: 9 }, { records: 0 }) ?? '', /no record any more; .* has 9/);
});
