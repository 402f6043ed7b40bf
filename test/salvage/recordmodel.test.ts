import assert from 'node:assert/strict';
import test from 'node:test';
import { RecordModel, VALUE_BYTES } from '../../src/salvage/recordmodel.js';
import { Random } from '../tools/random.js';

const bytes = (text: string) => Buffer.from(text, 'latin1');

/** A model that has learned records, each a key and a value. */
function modelOf(records: readonly (readonly [string, string])[]): RecordModel {
  const model = new RecordModel();
  for (const [key, value] of records) {
    model.learn(bytes(key), bytes(value).subarray(0, VALUE_BYTES), value.length);
  }
  return model;
}

function divide(model: RecordModel, range: string, ...bucket: Parameters<RecordModel['divide']>[2][]) {
  return model.divide(bytes(range).subarray(0, model.headSize), range.length, ...bucket);
}

const random = new Random(1);
const USERS = Array.from({ length: 300 }, (_, n) => {
  const value = `{"n":${random.below(1000)},"text":"${'abc'.repeat(random.below(30))}"}`;
  return [`user:${n}`, value] as const;
});
const DIGITS = Array.from({ length: 300 }, (_, n) => [`${1000 + n}`, `${random.below(10_000)}`] as const);

test('a range is divided where keys of the database end and its values begin', () => {
  const model = modelOf(USERS);
  for (const [key, value] of [
    ['user:7', '{"n":12,"text":""}'],
    ['user:4711', `{"n":3,"text":"${'xyz'.repeat(100)}"}`],
    ['user:', '{"n":1}'],
  ]) {
    assert.equal(divide(model, key + value)?.keySize, key.length, key);
  }
  assert.ok(divide(model, 'user:123{"n":12,"text":"abcabc"}')!.certainty > 20);
});

test('a range that was cut at its beginning is no record', () => {
  const model = modelOf(USERS);
  for (const cut of [
    'ser:7{"n":12,"text":"abc"}',
    '7{"n":12,"text":"abc"}',
    '"n":12,"text":"abc"}',
    'cabcabc"}',
  ]) {
    assert.equal(divide(model, cut), undefined, cut);
  }
});

test('zeroes, which were never written, are no record', () => {
  assert.equal(divide(modelOf(USERS), '\0'.repeat(40)), undefined);
});

test('a piece of an old bucket is no record, though it has the beginning of a key', () => {
  const element = Buffer.from('user\x34\xa7\x02\0\0\0\0\0\x10\0\0\0\x7d\0\0\0', 'latin1');
  assert.equal(divide(modelOf(USERS), element.toString('latin1')), undefined);
});

test('where any size of the key would do, the bucket that lists the range tells which', () => {
  const model = modelOf(DIGITS);
  const alone = divide(model, '1234567')!;
  for (const keySize of [3, 4, 5]) {
    const found = divide(model, '1234567', { hashBits: 12, isOwn: (size) => size === keySize })!;
    assert.equal(found.keySize, keySize);
    if (keySize === alone.keySize)
      assert.ok(found.certainty > alone.certainty + 3, `${found.certainty} and ${alone.certainty}`);
  }
});

test('the bits are those of a probability: of divisions of so many bits no more are wrong', () => {
  const keys = (n: number) => `${n % 7 === 0 ? 'a' : 'ab'}${n}`;
  const draw = (from: number) =>
    Array.from({ length: 2000 }, (_, n) => [keys(from + n), `${random.below(1_000_000)}`] as const);
  const model = modelOf(draw(0));
  const wrong = { all: 0, sure: 0, expected: 0 };
  for (const [key, value] of draw(5000)) {
    const { keySize, certainty } = divide(model, key + value) ?? { keySize: -1, certainty: 0 };
    wrong.expected += 2 ** -certainty;
    if (keySize === key.length) continue;
    wrong.all++;
    if (certainty >= 10) wrong.sure++;
  }
  assert.equal(wrong.sure, 0);
  assert.ok(wrong.all <= 1.5 * wrong.expected + 20, JSON.stringify(wrong));
});

test('of fewer than eight records nothing is learned', () => {
  assert.equal(modelOf(USERS.slice(0, 7)).headSize, 0);
  assert.ok(modelOf(USERS.slice(0, 8)).headSize > 0);
});

test('a key of more than 1 KiB is not learned, so that it costs no time', () => {
  const model = modelOf([...USERS, ['k'.repeat(5000), 'v']]);
  assert.equal(model.headSize, modelOf(USERS).headSize);
});
