import fc from 'fast-check';
import assert from 'node:assert/strict';
import test from 'node:test';
import type { SnapshotName } from '../../src/store/snapshot.js';
import { decodeName, encodeName, snapshotId, isWorse } from '../../src/store/snapshot.js';

const names: fc.Arbitrary<SnapshotName> = fc.record(
  {
    time: fc
      .integer({ min: Date.UTC(1, 0) / 1000, max: Date.UTC(9999, 11, 31, 23, 59, 59) / 1000 })
      .map((seconds) => new Date(seconds * 1000)),
    hash: fc.stringMatching(/^[0-9a-f]{12}$/),
    records: fc.maxSafeNat(),
    tasks: fc.maxSafeNat(),
    contentBytes: fc.maxSafeNat(),
    poor: fc.boolean(),
  },
  { requiredKeys: ['time', 'hash', 'records', 'poor'] },
);

test('a name holds all facts of a snapshot and is parsed back', () => {
  fc.assert(
    fc.property(names, (name) => {
      const text = encodeName(name);
      assert.match(text, /^[0-9TZ]{16}-[0-9a-f]{12}-r\d+(-t\d+)?(-b\d+)?(\.poor)?\.db$/);
      assert.deepEqual(decodeName(text), { ...name });
      assert.ok(text.startsWith(snapshotId(name)));
    }),
  );
});

test('names sort by their times', () => {
  fc.assert(
    fc.property(names, names, (a, b) => {
      if (a.time < b.time) assert.ok(encodeName(a) < encodeName(b));
    }),
  );
});

test('only names that encodeName returns are parsed', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), names.map(encodeName), edited()), (text) => {
      const name = decodeName(text);
      if (name !== undefined) assert.equal(encodeName(name), text);
    }),
  );
});

/** Names with one character replaced. */
function edited(): fc.Arbitrary<string> {
  return fc
    .tuple(names.map(encodeName), fc.nat(), fc.constantFrom(...'0129abfgTZ-r.'))
    .map(([text, at, character]) => {
      const place = at % text.length;
      return text.slice(0, place) + character + text.slice(place + 1);
    });
}

test('names with one wrong character are rejected', () => {
  for (const text of [
    '20260230T050312Z-3f2a9c01d2e4-r150.db',
    '20261124T250312Z-3f2a9c01d2e4-r150.db',
    '20261124T050312Z-3f2a9c01d2e4-r0150.db',
    '20261124T050312Z-3f2a9c01d2e4-r9999999999999999.db',
    '20261124T050312Z-3F2A9C01D2E4-r150.db',
    '20261124T050312Z-3f2a9c01d2e4-r150.db.~1~',
    '20261124T050312Z-3f2a9c01d2e4-r150.db\n',
    '20261124T050312Z-3f2a9c01d2e4-r150.rich.db',
    '20261124T050312Z-3f2a9c01d2e4.db',
  ]) {
    assert.equal(decodeName(text), undefined, text);
  }
  assert.deepEqual(decodeName('20261124T050312Z-3f2a9c01d2e4-r0.poor.db'), {
    time: new Date('2026-11-24T05:03:12Z'),
    hash: '3f2a9c01d2e4',
    records: 0,
    poor: true,
  });
});

const at = (hours: number) => new Date(Date.UTC(2026, 10, 24, hours));

test('an emptied database is worse, an always empty one is not', () => {
  assert.equal(isWorse(undefined, { records: 0, time: at(0) }), undefined);
  assert.equal(isWorse({ records: 0, time: at(0) }, { records: 0, time: at(1) }), undefined);
  assert.equal(isWorse({ records: 9, time: at(0) }, { records: 1, time: at(1) }), undefined);
  const worse = isWorse({ records: 9, time: at(0) }, { records: 0, time: at(100) });
  assert.match(worse ?? '', /no record any more; .* has 9 records/);
});

test('a database that shrank to under a tenth is worse for a day: by its tasks, or else its bytes', () => {
  const flower = { records: 1, tasks: 60, contentBytes: 10_000, time: at(0) };
  const left = (tasks: number, hours = 1) => ({ records: 1, tasks, contentBytes: 9_000, time: at(hours) });
  assert.match(isWorse(flower, left(5)) ?? '', /holds 5 tasks, .* has 60 tasks/);
  assert.equal(isWorse(flower, left(6)), undefined);
  assert.equal(isWorse(flower, left(5, 25)), undefined);
  const queue = { records: 500, contentBytes: 10_000, time: at(0) };
  assert.match(isWorse(queue, { records: 400, contentBytes: 999, time: at(1) }) ?? '', /has 500 records/);
  assert.equal(isWorse(queue, { records: 1, contentBytes: 1000, time: at(1) }), undefined);
  // Snapshots of earlier versions have no bytes in their names.
  assert.equal(
    isWorse({ records: 500, time: at(0) }, { records: 1, contentBytes: 1, time: at(1) }),
    undefined,
  );
});
