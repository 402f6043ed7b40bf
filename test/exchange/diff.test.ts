import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { diff } from '../../src/exchange/diff.js';
import type { KeyValue } from '../build/build.js';
import { anyRecords, build, specFor, text } from '../build/build.js';
import { anyModelNames, modelsNamed } from '../torture/combine.js';
import { formats, miniDatabase } from '../torture/databases.js';
import { damagedCopy } from '../torture/judge.js';
import { RUNS, SEED, seedFor } from '../torture/settings.js';
import { openedForWalk, walkedOf } from './walked.js';

/** So little at a time that a small database is many batches. */
const LITTLE = { bytes: 3000, records: 40 };

/** What a comparison of two files tells, a line for each difference, in order of their keys. */
async function toldOf(before: Uint8Array, after: Uint8Array) {
  const loss = () => ({ records: 0, incomplete: false });
  const counts = { same: 0, removed: 0, added: 0, changed: 0, lossBefore: loss(), lossAfter: loss() };
  const lines: string[] = [];
  const [a, b] = [await openedForWalk(before), await openedForWalk(after)];
  for await (const one of diff(a, b, counts, LITTLE)) {
    lines.push(JSON.stringify([text(one.key), one.how, one.before, one.after]));
  }
  const { same, removed, added, changed } = counts;
  assert.equal(lines.length, removed + added + changed);
  return { lines: lines.sort(), same };
}

/** The same of two maps. */
function expectedOf(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>) {
  const lines: unknown[][] = [];
  let same = 0;
  for (const [key, value] of before) {
    const other = after.get(key);
    if (other === undefined) lines.push([key, 'removed', sizeOf(value), undefined]);
    else if (other === value) same++;
    else lines.push([key, 'changed', sizeOf(value), sizeOf(other)]);
  }
  for (const [key, value] of after) {
    if (!before.has(key)) lines.push([key, 'added', undefined, sizeOf(value)]);
  }
  return { lines: lines.map((line) => JSON.stringify(line)).sort(), same };
}

const sizeOf = (value: string) => Buffer.from(value, 'latin1').length;
const contentsOf = (records: readonly KeyValue[]) =>
  new Map(records.map(({ key, value }) => [text(key), text(value)]));

/** Some that both have, some that one has, some with another value, and some too large to be held. */
const anyPair = fc
  .tuple(anyRecords(60), anyRecords(20), anyRecords(20), fc.constantFrom(0, 65_536, 70_000))
  .map(([both, first, second, size]) => {
    const large = (letter: string) => ({ key: Buffer.from('large'), value: Buffer.alloc(size, letter) });
    const unique = (records: KeyValue[]) => [...new Map(records.map((one) => [text(one.key), one])).values()];
    return {
      before: unique([...both, ...first, large('a')]),
      after: unique([...both, ...second, large(first.length % 2 === 0 ? 'a' : 'b')]),
    };
  });

test('a comparison of two databases of any format tells what a comparison of their contents does', () =>
  fc.assert(
    fc.asyncProperty(
      anyPair,
      fc.constantFrom(...formats('standard')),
      fc.constantFrom(...formats('numsync')),
      fc.constantFrom('signed' as const, 'unsigned' as const),
      async ({ before, after }, format, other, hashChar) => {
        const a = await build(before, specFor(format), 'signed');
        const b = await build(after, specFor(other, 512, 1), hashChar);
        assert.deepEqual(await toldOf(a.bytes, b.bytes), expectedOf(contentsOf(before), contentsOf(after)));
      },
    ),
    { numRuns: 60 },
  ));

const SPEC = { blockSize: 512, seed: seedFor('diff'), records: 250, maxValue: 300 };
// By their names, which is what a failure shows.
const databases = new Map(
  formats('standard')
    .map((format) => miniDatabase(format, SPEC))
    .map((intact) => [intact.name, intact]),
);

test('whatever the damage, a comparison tells of every record that a walk gives, and of no other', () =>
  fc.assert(
    fc.asyncProperty(
      anyModelNames,
      fc.constantFrom(...databases.keys()),
      fc.noShrink(fc.nat()),
      async (names, database, seed) => {
        const intact = databases.get(database)!;
        const { bytes } = damagedCopy(intact, modelsNamed(names), seed);
        const damaged = await walkedOf(bytes);
        // Nothing in it speaks for the format.
        fc.pre(damaged !== undefined);
        // Where two records have one key, which of them is meant is nobody's to say.
        fc.pre(new Map(damaged.found).size === damaged.found.length);
        const [whole, rest] = [new Map((await walkedOf(intact.bytes))!.found), new Map(damaged.found)];
        assert.deepEqual(await toldOf(intact.bytes, bytes), expectedOf(whole, rest));
        assert.deepEqual(await toldOf(bytes, intact.bytes), expectedOf(rest, whole));
      },
    ),
    { seed: SEED, numRuns: 60 * RUNS },
  ));

test('records are not told to be gone because the directory is', async () => {
  const [intact] = databases.values();
  const { offset } = (await openedForWalk(intact.bytes)).db.geometry.directory!;
  const damaged = Buffer.from(intact.bytes);
  damaged.fill(0, offset, offset + 512);
  const { lines, same } = await toldOf(intact.bytes, damaged);
  assert.deepEqual(lines, []);
  assert.ok(same > 100);
});
