import assert from 'node:assert/strict';
import test from 'node:test';
import { openSearched } from '../../src/examine.js';
import { InForce } from '../../src/salvage/inforce.js';
import { findOld } from '../../src/salvage/old.js';
import type { OldRecord } from '../../src/salvage/oldrecord.js';
import { MAX_OVERLAYS } from '../../src/salvage/overwritten.js';
import { memorySource } from '../../src/source/source.js';
import { smallSpec, whateverTheDamage } from '../read/walked.js';
import { formats, miniDatabase } from '../torture/databases.js';

/** Records in force held at a time: few enough that a file of some 300 KB is read in several parts. */
const LITTLE = 300;

/** A record without the number of overwritten bytes if more records lie on it than are named. */
function withoutMany(record: OldRecord): object {
  const { by } = record.overwritten;
  return by.length < MAX_OVERLAYS ? record : { ...record, overwritten: by };
}

test('old records are the same in however many parts a file is looked at, whatever the damage', async () => {
  const spec = { ...smallSpec('old records in parts'), records: 1500 };
  const made = formats('standard').map((format) => miniDatabase(format, spec));
  const databases = new Map(made.map((intact) => [intact.name, intact]));
  let found = 0;
  let overwritten = 0;
  let parts = 0;
  await whateverTheDamage(databases, 25, async (bytes) => {
    const searched = await openSearched(memorySource(bytes), undefined, { old: true });
    if (searched === undefined) return;
    const { db, survey } = searched;
    const all = [...(await findOld(db, survey))];
    const told: [step: string, done: number, size: number][] = [];
    const report = (...how: [string, number, number]) => told.push(how);
    const again = [...(await findOld(db, survey, { held: LITTLE, report }))];
    for (const [n, [step, done, size]] of told.entries()) {
      const [before, last] = told[n - 1] ?? [];
      assert.ok(size === db.source.size && done < size && (step !== before || done > last));
    }
    assert.deepEqual(again.map(withoutMany), all.map(withoutMany));
    // If very many lie on one record with a wrong size, the limit holds for each part by itself.
    for (const [n, { overwritten: more }] of again.entries()) {
      assert.ok(more.value >= all[n].overwritten.value && more.key >= all[n].overwritten.key);
    }
    found += all.length;
    overwritten += all.filter((one) => one.overwritten.by.length > 0).length;
    let count = 0;
    for await (const part of (await InForce.read(db, survey, LITTLE)).parts()) {
      assert.ok(part.from < part.to);
      count++;
    }
    parts = Math.max(parts, count);
    if (again.length > 0) assert.ok(told.length >= 2 * count, `${told.length} times of ${count} parts`);
  });
  assert.ok(found > 100 && overwritten > 10 && parts > 2, `${found}, ${overwritten}, ${parts}`);
});
