import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { accountFor } from '../../src/check/account.js';
import { checkDatabase } from '../../src/check/check.js';
import type { BucketExamination } from '../../src/check/bucket.js';
import { examine } from '../../src/check/examination.js';
import { examineBuckets } from '../../src/check/bucket.js';
import type { RejectedElement, StoredRecord } from '../../src/check/marks.js';
import type { SpaceAccount } from '../../src/check/space.js';
import { HashClaims } from '../../src/database/claims.js';
import type { Opened } from '../../src/examine.js';
import { openSearched } from '../../src/examine.js';
import { examineApart } from '../../src/salvage/apart.js';
import { memorySource } from '../../src/source/source.js';
import { formats, miniDatabase } from '../torture/databases.js';
import { Damaged } from '../torture/damaged.js';
import { MODELS } from '../torture/models.js';
import { runs, SWEEP } from '../tools/effort.js';
import { Random } from '../tools/random.js';
import { checkByElement, examineByElement } from './byelement.js';

/*
 * A damaged file is examined by lists of numbers, which must say what looking at one element after the other says.
 */

const SEED = 20261125;
const databases = [...formats('standard'), ...formats('numsync'), ...formats('old')].map((format) =>
  miniDatabase(format, { blockSize: 512, seed: SEED, records: 150, maxValue: 120 }),
);

function comparable(space: SpaceAccount, kept: readonly StoredRecord[] = []) {
  const { has, size } = space.overreaching;
  const overreaching = kept.map(({ offset, keySize, dataSize }) => has(offset, keySize + dataSize));
  const unused = [...space.unused()];
  return { ...space, unused, isUsed: undefined, runs: undefined, overreaching: { size, of: overreaching } };
}

async function agree(found: Opened, what: string): Promise<void> {
  const { db, survey } = found;
  const expected = await checkByElement(db, survey);
  const checked = await checkDatabase(db, survey);
  const { count, bytes, rejected: reasons, buckets } = checked.records;
  assert.deepEqual({ count, bytes, rejected: reasons, buckets }, expected.records, what);
  assert.deepEqual(checked.findings, expected.findings, what);
  assert.deepEqual(checked.findingCounts, expected.findingCounts, what);
  assert.equal(checked.format?.hashChar, expected.hashChar, what);
  assert.deepEqual(comparable(checked.space, expected.kept), comparable(expected.space, expected.kept), what);
  const kept: StoredRecord[] = [];
  const rejected: RejectedElement[] = [];
  for await (const one of examineBuckets(db, survey)) {
    kept.push(...one.records);
    rejected.push(...one.rejected);
  }
  assert.deepEqual(kept, expected.kept, what);
  assert.deepEqual(rejected, expected.rejected, what);
  await agreeApart(found, what);
}

/** The same of superseded buckets, each by itself. */
async function agreeApart({ db, survey: { stale } }: Opened, what: string): Promise<void> {
  const told = (one: BucketExamination) => [one.site.offset, one.records, one.rejected];
  const apart = { sites: stale, siteOfSlot: new Int32Array(0), claims: new HashClaims() };
  const expected: unknown[] = [];
  for await (const one of examineByElement({ ...db, directory: new Float64Array(0) }, apart)) {
    expected.push(told(one));
  }
  const found: unknown[] = [];
  for await (const one of examineApart(db, stale)) found.push(told(one));
  assert.deepEqual(found, expected, what);
}

/** Damaged files of each model. */
const TRIALS = SWEEP ? 8 : 2;

test('whatever a file suffered, the examination says what one element after the other says', async () => {
  let damaged = 0;
  for (const [n, model] of MODELS.entries()) {
    for (let trial = 0; trial < TRIALS; trial++) {
      const intact = databases[(n + trial) % databases.length];
      if (model.suits !== undefined && !model.suits(intact)) continue;
      const file = new Damaged(intact.bytes);
      model.damage(file, intact, new Random(SEED + trial));
      const found = await openSearched(memorySource(file.bytes));
      if (found === undefined) continue;
      await agree(found, `${model.name}, trial ${trial}, ${intact.name}`);
      damaged++;
    }
  }
  assert.ok(damaged > 13 * TRIALS, `${damaged} files were compared`);
});

test('elements and keys changed in many ways at once are told one by one', async () => {
  const anyChange = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    element: fc.boolean(),
    byte: fc.nat(23),
    how: fc.constantFrom('bit', 'zero', 'copy'),
  });
  let told = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.nat(databases.length - 1),
      fc.array(anyChange, { minLength: 1, maxLength: 12 }),
      async (n, changes) => {
        const bytes = Uint8Array.from(databases[n].bytes);
        const elements = [...databases[n].records.values()].map(({ element }) => element.at);
        for (const { at, element, byte, how } of changes) {
          const one = elements[Math.floor(at * elements.length)];
          const place = element ? one + byte : Math.floor(at * bytes.length);
          if (how === 'bit') bytes[place] ^= 1 << (byte & 7);
          else if (how === 'zero') bytes.fill(0, place, place + 4 * byte);
          // One element twice: the same key, and space that two claim.
          else bytes.copyWithin(one, elements[byte], elements[byte] + 16);
        }
        const found = await openSearched(memorySource(bytes));
        if (found === undefined) return;
        await agree(found, databases[n].name);
        told++;
      },
    ),
    { seed: SEED, numRuns: runs(400) },
  );
  assert.ok(told > 0.75 * runs(400), `${told} files were compared`);
});

test('however few elements are held at a time, the examination and the account are the same', async () => {
  for (const [n, intact] of databases.entries()) {
    const bytes = Uint8Array.from(intact.bytes);
    const random = new Random(SEED + n);
    for (let i = 0; i < 20; i++) bytes[random.below(bytes.length)] ^= 1 << random.below(8);
    const found = await openSearched(memorySource(bytes));
    if (found === undefined) continue;
    const { db, survey } = found;
    const whole = await examine(db, survey);
    const { account } = await accountFor(db, survey, whole);
    for (const held of [1, 7, 60]) {
      const parts = await examine(db, survey, held);
      assert.deepEqual(parts, whole, `${intact.name}, ${held}`);
      const other = await accountFor(db, survey, parts);
      assert.deepEqual(comparable(other.account), comparable(account), `${intact.name}, ${held}`);
    }
  }
});
