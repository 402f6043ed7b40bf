import assert from 'node:assert/strict';
import test from 'node:test';
import type { Confidence, Evidence } from '../../src/salvage/confidence.js';
import { confidenceOf } from '../../src/salvage/confidence.js';

const UNTOUCHED = { key: 0, value: 0, by: [] };
/** A deleted record whose key is one of its bucket and at home. */
const DELETED: Evidence = {
  provenance: 'deleted',
  proof: 'bucket',
  homeBits: 7,
  overwritten: UNTOUCHED,
  shared: false,
  freed: true,
  rangeBits: 0,
  whole: undefined,
};
/** One that only a superseded bucket knows. */
const SUPERSEDED: Evidence = { ...DELETED, proof: 'hash', homeBits: 0 };
/** One that is left from another bucket. */
const FOREIGN: Evidence = { ...DELETED, proof: 'start' };

function says(expected: Confidence, cases: readonly Evidence[]): void {
  for (const one of cases) assert.equal(confidenceOf(one), expected, JSON.stringify(one));
}

test('an old record is told with high confidence where its key, its bucket or its own shape says so', () => {
  says('high', [
    DELETED,
    { ...DELETED, homeBits: 6 },
    { ...SUPERSEDED, provenance: 'stale' },
    // A pickle that ends just where the value does was not written over.
    { ...SUPERSEDED, whole: true },
    { ...DELETED, homeBits: 4, whole: true },
    { ...FOREIGN, homeBits: 4, shared: true, whole: true },
  ]);
});

test('what is left from another bucket, or shares its place, is no more than of medium confidence', () => {
  says('medium', [
    SUPERSEDED,
    { ...SUPERSEDED, provenance: 'stale', shared: true },
    { ...DELETED, shared: true },
    { ...DELETED, homeBits: 5.9 },
    { ...DELETED, homeBits: 4 },
    FOREIGN,
    { ...FOREIGN, homeBits: 6 },
  ]);
});

test('what is overwritten, ends as no value of its shape does, or may be another record is never added', () => {
  says('low', [
    { ...DELETED, overwritten: { ...UNTOUCHED, value: 1 } },
    { ...DELETED, overwritten: { ...UNTOUCHED, key: 1 }, whole: true },
    { ...DELETED, whole: false },
    { ...SUPERSEDED, provenance: 'stale', whole: false },
    { ...DELETED, homeBits: 3.9 },
    { ...DELETED, homeBits: 3.9, whole: true },
    { ...DELETED, homeBits: 5.9, shared: true },
    { ...FOREIGN, shared: true },
    { ...FOREIGN, homeBits: 5.9 },
  ]);
  says('trace', [{ ...DELETED, proof: 'none' }]);
});

test('a deleted record that no list of free space has is of low confidence, unless its value is whole', () => {
  says('low', [
    { ...DELETED, freed: false },
    { ...SUPERSEDED, freed: false },
  ]);
  says('medium', [{ ...DELETED, freed: false, whole: true }]);
  says('high', [{ ...SUPERSEDED, provenance: 'stale', freed: false }]);
});
