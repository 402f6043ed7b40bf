import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { memorySink } from '../../src/write/sink.js';
import type { CheckedDatabase } from '../../src/check/check.js';
import { checkDatabase } from '../../src/check/check.js';
import type { Opened as Found } from '../../src/examine.js';
import { check, openSearched } from '../../src/examine.js';
import { bucketStruct, elementStruct } from '../../src/format/bucket.js';
import { FREE_HASH } from '../../src/format/hash.js';
import { member } from '../../src/format/struct.js';
import { salvagedContents } from '../../src/write/contents.js';
import { verifyFresh, VerifyError, writeFresh } from '../../src/write/write.js';
import { memorySource } from '../../src/source/source.js';
import { contentsOf } from '../torture/recover.js';
import { Damaged } from '../torture/damaged.js';
import { formats, miniDatabase } from '../torture/databases.js';
import { MODELS } from '../torture/models.js';
import { runs, SWEEP } from '../tools/effort.js';
import { Random } from '../tools/random.js';
import { build, specFor } from '../build/build.js';
import { Specimen } from '../check/specimen.js';
import { LAYOUT_64 } from '../../src/format/format.js';

/*
 * A damaged database is copied as it lies as far as its elements prove records; the fresh file has the records that a
 * repair record by record gives.
 */

const SEED = 20261125;
const databases = [...formats('standard'), ...formats('numsync'), ...formats('old')].map((format) =>
  miniDatabase(format, { blockSize: 512, seed: SEED, records: 150, maxValue: 120 }),
);

interface Opened extends Found {
  readonly checked: CheckedDatabase;
}

async function opened(bytes: Uint8Array): Promise<Opened | undefined> {
  const found = await openSearched(memorySource(bytes));
  const checked = found && (await checkDatabase(found.db, found.survey));
  return found && checked && { ...found, checked };
}

async function rebuilt(found: Opened) {
  const sink = memorySink();
  const contents = salvagedContents(found, found.checked);
  const built = await writeFresh(contents, sink);
  await verifyFresh(contents, built, memorySource(sink.bytes()));
  return { contents, built, bytes: sink.bytes() };
}

test('whatever a file suffered, a copy as it lies holds what a rebuild record by record holds', async () => {
  let relocated = 0;
  const models = new Set<string>();
  for (const [n, model] of MODELS.entries()) {
    for (let trial = 0; trial < (SWEEP ? 8 : 1); trial++) {
      const intact = databases[(n + trial) % databases.length];
      if (model.suits !== undefined && !model.suits(intact)) continue;
      const file = new Damaged(intact.bytes);
      model.damage(file, intact, new Random(SEED + trial));
      const found = await opened(file.bytes);
      if (found === undefined || found.checked.records.count === 0) continue;
      const what = `${model.name}, trial ${trial}, ${intact.name}`;
      const fast = await rebuilt(found);
      const survey = { ...found.survey, examination: undefined };
      const slow = await rebuilt({ ...found, survey });
      assert.equal(slow.built.copied, false);
      assert.deepEqual(await contentsOf(fast.bytes), await contentsOf(slow.bytes), what);
      assert.equal(fast.built.records, slow.built.records, what);
      assert.equal((await check(memorySource(fast.bytes))).verdict, 'healthy', what);
      if (!fast.built.copied) continue;
      relocated++;
      models.add(model.name);
    }
  }
  assert.ok(
    relocated > (SWEEP ? 100 : 10) && models.size > MODELS.length / (SWEEP ? 2 : 4),
    `${relocated} copies, of ${[...models].join()}`,
  );
});

test('whatever byte of such a copy is changed, the comparison sees it or it says nothing', async () => {
  const [intact] = databases;
  const bytes = Uint8Array.from(intact.bytes);
  const [{ element }, other] = [...intact.records.values()];
  bytes[element.at + 8] ^= 0x10;
  bytes[other.element.at] ^= 1;
  const found = await opened(bytes);
  assert.ok(found);
  const { contents, built, bytes: fresh } = await rebuilt(found);
  assert.ok(built.copied && found.checked.verdict === 'damaged');
  const held = await contentsOf(fresh);
  let seen = 0;
  await fc.assert(
    fc.asyncProperty(fc.nat(fresh.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const changed = Uint8Array.from(fresh);
      changed[at] ^= change;
      const error = await verifyFresh(contents, built, memorySource(changed)).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (error !== undefined) {
        assert.ok(error instanceof VerifyError, 'another error than of the comparison');
        seen++;
        return;
      }
      assert.equal((await check(memorySource(changed))).verdict, 'healthy');
      assert.deepEqual(await contentsOf(changed), held);
    }),
    { seed: SEED, numRuns: runs(400) },
  );
  assert.ok(seen > (SWEEP ? 100 : 10), `${seen} were seen`);
});

const FORMAT = { layout: LAYOUT_64, byteOrder: 'little', variant: 'standard' } as const;

test('of a large key that a bucket has twice the fresh file has the first', async () => {
  const [key, other] = [Buffer.alloc(70_000, 'k'), Buffer.alloc(70_000, 'l')];
  const value = Buffer.from('value');
  const { bytes } = await build(
    [key, other].map((key) => ({ key, value })),
    specFor(FORMAT, 4096),
  );
  const s = new Specimen(bytes, FORMAT);
  const first = s.used().find(({ pointer }) => bytes[pointer] === key[0])!;
  const second = s.used().find(({ pointer }) => bytes[pointer] === other[0])!;
  const bucket = s.bucket(first.bucket);
  bucket.setHash(second.index, FREE_HASH);
  s.bytes.set(key, second.pointer);
  bucket.setElement((first.index + 1) % bucket.elements, {
    hash: first.hash,
    key_start: key.subarray(0, 4),
    data_pointer: second.pointer,
    key_size: key.length,
    data_size: value.length,
  });
  const found = await opened(s.bytes);
  assert.ok(found);
  assert.equal(found.checked.records.count, 2);
  const { built, bytes: fresh } = await rebuilt(found);
  assert.deepEqual([built.records, built.duplicates], [1, 1]);
  assert.equal((await check(memorySource(fresh))).records.count, 1);
});

test('a right copy is believed whose keys were made to be alike', async () => {
  // All have one hash, and two of them another simple one as well.
  const keys = Array.from({ length: 290 }, (_, n) => {
    const key = Buffer.alloc(60_000, 64);
    const [a, b] = [n % 17, Math.floor(n / 17)];
    for (const [at, more] of [
      [0, a],
      [24, -a],
      [1, b],
      [25, -b],
    ])
      key[at] += more;
    return key;
  });
  const alike = Buffer.from(keys[0]);
  for (const [at, more] of [
    [50, 1],
    [51, -31],
    [74, -1],
    [75, 31],
  ])
    alike[at] += more;
  const value = Buffer.from('value');
  const records = [...keys, alike, Buffer.from('lost')].map((key) => ({ key, value }));
  const { bytes } = await build(records, specFor(FORMAT, 16384));
  const s = new Specimen(bytes, FORMAT);
  const lost = s.used().find(({ keySize }) => keySize === 4)!;
  s.flip(lost.pointer);
  const found = await opened(s.bytes);
  assert.ok(found);
  const { built, bytes: fresh } = await rebuilt(found);
  assert.deepEqual([built.records, built.copied], [records.length - 1, true]);
  const checked = await check(memorySource(fresh));
  assert.deepEqual([checked.verdict, checked.records.count], ['healthy', records.length - 1]);
});

test('of a damaged bucket an element with a wrong beginning of its key is put right, and the copy believed', async () => {
  for (const { bytes: intact, buckets, records, format } of databases) {
    const bytes = Uint8Array.from(intact);
    const [, , , { element }] = [...records.values()];
    const bucket = buckets.findLast((offset) => offset <= element.at)!;
    const start = member(elementStruct(format.layout), 'key_start').offset;
    bytes[element.at + start] ^= 0x10;
    bytes[bucket + member(bucketStruct(format.layout), 'count').offset + 1] ^= 0x40;
    const found = await opened(bytes);
    assert.ok(found);
    assert.ok(found.survey.sites.some(({ state }) => state === 'malformed'));
    const { built, bytes: fresh } = await rebuilt(found);
    assert.ok(built.copied);
    assert.equal((await contentsOf(fresh)).size, records.size);
  }
});
