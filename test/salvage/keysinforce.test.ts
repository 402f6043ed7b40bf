import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { KeyFilter } from '../../src/carve/keyfilter.js';
import { checkDatabase } from '../../src/check/check.js';
import { openSearched } from '../../src/examine.js';
import type { CarvedFind } from '../../src/salvage/carved.js';
import { carveValues } from '../../src/salvage/carved.js';
import { memorySource } from '../../src/source/memory.js';
import { build, specFor } from '../build/build.js';
import { FORMATS } from '../format/formats.js';

const sure = Buffer.from('\x80\x04\x95\x09\0\0\0\0\0\0\0C\x05hello\x94.', 'latin1');
const chance = Buffer.from('\x80\x04N.', 'latin1');

/** Keys of many sizes; some end as others do, some are not ASCII. */
const KEYS = Array.from({ length: 300 }, (_, n) => {
  const name = ['k', 'session:', 'é', 'long'.repeat(40), 'k1', ''][n % 6];
  return Buffer.from(`${name}${n}`);
});

/** What is carved of a file whose keys in force are held, or are not. */
async function carved(bytes: Uint8Array, few: number): Promise<readonly CarvedFind[]> {
  const found = await openSearched(memorySource(bytes));
  assert.ok(found);
  const { space } = await checkDatabase(found.db, found.survey);
  assert.ok(space);
  return carveValues({ db: found.db, survey: found.survey, space }, [], undefined, few);
}

test('keys in force are known before values, be they held or looked up, whatever the damage', async () => {
  const records = KEYS.map((key, n) => ({ key, value: n % 3 === 0 ? sure : Buffer.from(`value ${n}`) }));
  const piece = fc.oneof(
    fc.constantFrom(sure, chance),
    fc.constantFrom(...KEYS),
    fc.constantFrom(...KEYS).map((key) => key.subarray(1)),
    fc.tuple(fc.constantFrom(...KEYS), fc.constantFrom(sure, chance)).map((both) => Buffer.concat(both)),
    fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
  );
  let withKey = 0;
  let byChance = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...FORMATS),
      fc.array(piece, { maxLength: 40 }),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 700 })), { maxLength: 3 }),
      async (format, parts, wiped) => {
        const { bytes } = await build(records, specFor(format, 512));
        const file = Buffer.concat([bytes, ...parts]);
        for (const [at, length] of wiped) {
          const from = 512 + (at % (bytes.length - 512));
          file.fill(0, from, Math.min(bytes.length, from + length));
        }
        const held = await carved(file, Infinity);
        assert.deepEqual(await carved(file, -1), held);
        withKey += held.filter(({ key }) => key !== undefined).length;
        byChance += held.filter(({ size }) => size === chance.length).length;
      },
    ),
    { numRuns: 250 },
  );
  assert.ok(withKey > 150 && byChance > 40, `${withKey} ${byChance}`);
});

test('the filter tells of every key, and of hardly anything else', () => {
  const count = 50_000;
  const filter = new KeyFilter(count);
  const key = (n: number) => Buffer.from(`session:${String(n).padStart(6, '0')}`);
  for (let n = 0; n < count; n++) filter.add(key(n));
  filter.add(Buffer.from('7'));
  assert.equal(filter.longest, 14);
  let wrong = 0;
  for (let n = 0; n < 2 * count; n++) {
    const bytes = Buffer.concat([Buffer.from('.'), key(n)]);
    const sizes = filter.sizesBefore(bytes, bytes.length);
    assert.equal(sizes.includes(1), n % 10 === 7);
    if (n < count) assert.ok(sizes.includes(14));
    else if (sizes.includes(14)) wrong++;
  }
  assert.ok(wrong < count / 100, String(wrong));
});
