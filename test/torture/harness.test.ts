import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { check } from '../../src/examine.js';
import { memorySource } from '../../src/source/source.js';
import { sample } from '../tools/effort.js';
import { temporaryFolder } from '../tools/folder.js';
import { LibGdbm } from '../tools/libgdbm.js';
import { MiniGdbm } from '../tools/minigdbm.js';
import { testWith } from '../tools/needs.js';
import { Random } from '../tools/random.js';
import { outcome } from '../tools/records.js';
import { Damaged } from './damaged.js';
import { formats, growingMinis, miniDatabase, NATIVE } from './databases.js';
import { damagedCopy } from './judge.js';
import type { IntactRecord } from './intact.js';
import { slice } from './intact.js';
import { lifeOf } from './life.js';
import { MODELS } from './models.js';
import { MOVED } from './movedmodels.js';
import { CONTAINERS, TRANSFORMS } from './wholemodels.js';
import { contentsOf } from './recover.js';
import { scoreOf } from './score.js';
import { seedFor } from './settings.js';
import { olderValuesOf, survivalOf, survivorsOf } from './survivors.js';

const SPEC = { blockSize: 512, seed: seedFor('harness'), records: 700, maxValue: 300 };
const intact = miniDatabase(NATIVE, SPEC);
const contents = new Map([...intact.records].map(([key, { value }]) => [key, value]));

test('databases of every format by our own writer are healthy and hold what was stored', async () => {
  for (const [n, format] of [...formats('standard'), ...formats('numsync'), ...formats('old')].entries()) {
    for (const blockSize of sample([512, 4096], 1, n)) {
      const made = miniDatabase(format, { ...SPEC, blockSize });
      const { verdict, findings, format: found } = await check(memorySource(made.bytes));
      assert.equal(verdict, 'healthy', `${made.name}: ${JSON.stringify(findings[0])}`);
      const { layout, byteOrder, variant } = found!;
      assert.deepEqual({ layout, byteOrder, variant }, format, made.name);
      const held = new Map([...made.records].map(([key, { value }]) => [key, value]));
      assert.deepEqual(await contentsOf(made.bytes), held, made.name);
    }
  }
});

test('our own writer leaves old buckets, old directories and deleted records behind', () => {
  assert.ok(intact.slots.length > 64, 'the directory has doubled');
  const bytes = Buffer.from(intact.bytes);
  const deleted = [...intact.history].filter(([, [now]]) => now === undefined);
  const left = deleted.filter(([key, [, before]]) => bytes.includes(key + before!, 0, 'latin1'));
  assert.ok(left.length > 50, `${left.length} of ${deleted.length} deleted records are still there`);
});

testWith(
  'libgdbm',
  'the real library opens, walks and goes on with a database by our own writer',
  async (t) => {
    const lib = new LibGdbm();
    t.after(() => lib.close());
    const folder = await temporaryFolder(t);
    for (const variant of ['standard', 'numsync'] as const) {
      for (const blockSize of [512, 4096]) {
        const path = join(folder, `${variant}-${blockSize}.db`);
        const steps = lifeOf(new Random(blockSize), SPEC);
        await writeFile(path, new MiniGdbm({ format: { ...NATIVE, variant }, blockSize }).run(steps).bytes());
        assert.deepEqual(await lib.walk(path), outcome(steps));
        const more = lifeOf(new Random(7), { records: 500, maxValue: 2000 });
        await lib.change(path, more);
        assert.deepEqual(await lib.walk(path), outcome([...steps, ...more]));
      }
    }
  },
);

test('without damage every record survives, and only giving all back scores full', () => {
  const file = new Damaged(intact.bytes);
  const { inPlace, moved } = survivorsOf(intact, file);
  assert.deepEqual([inPlace.size, moved.size], [intact.records.size, 0]);
  const full = scoreOf(intact, file, contents);
  assert.deepEqual([full.recalled, full.lost, full.wrong, full.invented], [contents.size, [], [], []]);
  assert.equal(scoreOf(intact, file).lost.length, contents.size);
});

test('a wrong value, a lost key and each kind of invented key are told apart', () => {
  const [first, second] = contents.keys();
  const deleted = [...intact.history].find(([, [now]]) => now === undefined)![0];
  const foreign = [...intact.other!.records.keys()][0];
  const output = new Map(contents).set(first, 'not this').set(deleted, 'x').set(foreign, 'x').set('new', 'x');
  output.delete(second);
  const score = scoreOf(intact, new Damaged(intact.bytes), output);
  assert.deepEqual([score.wrong, score.lost, score.changed], [[first], [second], 0]);
  assert.deepEqual(score.invented, [
    { key: deleted, from: 'resurrected' },
    { key: foreign, from: 'foreign' },
    { key: 'new', from: 'never stored' },
  ]);
});

test('a record is hit by any change to its element, its key or its value, and by nothing else', () => {
  const record = [...intact.records.values()].find(({ key, value }) => key.length > 4 && value.length > 4)!;
  const { element, bytes } = record;
  for (const { at, length } of [element, bytes]) {
    for (const offset of [at, at + length - 1]) {
      const file = new Damaged(intact.bytes);
      file.bytes[offset] ^= 1;
      const { inPlace } = survivorsOf(intact, file);
      assert.deepEqual(
        [...intact.records.keys()].filter((key) => !inPlace.has(key)),
        [record.key],
      );
      assert.equal(scoreOf(intact, file, new Map(contents).set(record.key, 'changed')).changed, 1);
    }
  }
});

test('where bytes have gone is known after any moves', () => {
  const sound = Uint8Array.from({ length: 200 }, (_, i) => i);
  const file = new Damaged(sound);
  file.swap(10, 50, 20);
  file.dropFirst(15);
  file.append(Uint8Array.of(1, 2, 3));
  file.swap(100, 150, 30);
  file.rearrange([
    { at: 60, length: file.bytes.length - 60 },
    { at: 0, length: 60 },
  ]);
  file.rearrange([
    { at: file.bytes.length - 60, length: 60 },
    { at: 0, length: file.bytes.length - 60 },
  ]);
  file.truncate(170);
  for (const [offset, value] of sound.entries()) {
    const at = file.whereIs(offset);
    if (at < 0) assert.ok(!file.bytes.includes(value), `byte ${offset} is there`);
    else assert.equal(file.bytes[at], value);
  }
  // 15 went with the beginning and 15 with the end, where the appended bytes were too.
  assert.equal(file.bytes.length, 170);
  assert.equal([...sound.keys()].filter((offset) => file.whereIs(offset) >= 0).length, 170);
});

test('with its beginning missing, every record behind it survives elsewhere', () => {
  const file = new Damaged(intact.bytes);
  file.dropFirst(1);
  const { inPlace, moved } = survivorsOf(intact, file);
  assert.deepEqual([inPlace.size, moved.size], [0, intact.records.size]);
});

test('of records that have moved apart from their elements, those count whose keys are there once', () => {
  const file = new Damaged(intact.bytes);
  const record = [...intact.records.values()].find(({ key }) => key.length > 20)!;
  const at = Math.floor(record.bytes.at / 512) * 512;
  file.swap(at, at > 4096 ? 0 : 8192, 512);
  const { moved, ambiguous } = survivorsOf(intact, file);
  for (const key of [...moved, ...ambiguous]) {
    const elements = survivalOf(intact, file, intact.records.get(key)!.element);
    const places = Buffer.from(file.bytes).toString('latin1').split(key).length - 1;
    if (elements === 'in place') assert.equal(ambiguous.has(key), key === '' || places > 1, key);
  }
  assert.ok(moved.size + ambiguous.size > 0);
});

test('in a container or encoded every record is still there, and a text copy that drops CRs hits those that have one', () => {
  for (const model of [...CONTAINERS, ...TRANSFORMS]) {
    const file = damagedCopy(intact, [model], 5);
    const { inPlace, moved, ambiguous } = survivorsOf(intact, file.remains);
    const hit =
      model.suits === undefined
        ? 0
        : intact.records.size - [...intact.records.values()].filter(hasNoCr).length;
    assert.equal(inPlace.size + moved.size + ambiguous.size, intact.records.size - hit, model.name);
  }
  function hasNoCr({ element, bytes: { at, length } }: IntactRecord): boolean {
    // A pair may begin with the last byte of a part.
    const parts = [element, { at, length }].map((range) =>
      slice(intact.bytes, { at: range.at, length: range.length + 1 }),
    );
    return parts.every((part) => !Buffer.from(part).includes('\r\n'));
  }
});

test('of a file with old pages the records by their newest values, by copies of elements and by older values are told apart', () => {
  const grown = growingMinis(seedFor('harness'))[0];
  const file = new Damaged(grown.bytes);
  const last = grown.earlier!.at(-1)!;
  const [bucket] = grown.buckets.filter((at) => !last.buckets.includes(at));
  // A bucket that the last state added is lost: its elements that were in the split one are still there.
  file.fill(bucket, grown.header.bucket_size, 0);
  const isIn = (at: number) => at >= bucket && at < bucket + grown.header.bucket_size;
  const hit = [...grown.records.values()].filter(({ element }) => isIn(element.at));
  const survivors = survivorsOf(grown, file);
  const { inPlace, ambiguous } = survivors;
  assert.equal(inPlace.size, grown.records.size - hit.length);
  for (const { key, value, bytes } of hit) {
    const before = last.records.get(key);
    const isUnchanged = before?.value === value && before.bytes.at === bytes.at;
    assert.equal(ambiguous.has(key), isUnchanged, key);
  }
  for (const [key, value] of olderValuesOf(grown, file, survivors)) {
    assert.ok(grown.history.get(key)!.slice(1).includes(value) && !ambiguous.has(key), key);
  }
});

const smallOnes = [...formats('standard'), ...formats('numsync')].map((format) =>
  miniDatabase(format, { ...SPEC, records: 60 }),
);

for (const model of [...MODELS, ...MOVED, ...CONTAINERS, ...TRANSFORMS]) {
  test(`${model.name}: damages every format, the same from the same seed`, () => {
    for (const made of smallOnes.filter((one) => model.suits?.(one) !== false)) {
      // Damage may hit bytes that were so already; not five times in a row.
      const seeds = [1, 2, 3, 4, 5].map((n) => seedFor(model.name, n));
      const files = seeds.map((seed) => Buffer.from(damagedCopy(made, [model], seed).bytes));
      assert.ok(
        files.some((bytes) => !bytes.equals(made.bytes)),
        made.name,
      );
      const again = Buffer.from(damagedCopy(made, [model], seeds[0]).bytes);
      assert.ok(again.equals(files[0]), made.name);
    }
  });
}
