import assert from 'node:assert/strict';
import test from 'node:test';
import { PickleDataError, readPickle } from '../../src/pickle/data.js';
import { plainOf } from '../../src/pickle/plain.js';
import { readAny, valueJson, valueText } from '../../src/report/value.js';
import { run } from '../tools/cli.js';
import { PYTHON, testWith } from '../tools/needs.js';
import { Random } from '../tools/random.js';

async function python(script: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(PYTHON, ['-c', script, ...args]);
  assert.equal(code, 0, stderr);
  return stdout;
}

const bytesOf = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'));
const plain = (base64: string) => JSON.parse(JSON.stringify(plainOf(readPickle(bytesOf(base64))))) as unknown;

/** Random values that JSON can hold, pickled by each protocol, with their JSON. */
const JSONABLE = `
import base64, json, pickle, random
r = random.Random(7)
words = ['a', 'key', 'é', '\\u20ac', '\\U0001f600', 'x' * 300, '', 'l\\nb', '\\x1b', '\\\\', "q'\\"", 'proto__']
def value(depth):
    kind = r.randrange(9 if depth < 4 else 6)
    if kind == 0: return None
    if kind == 1: return r.random() < .5
    if kind == 2: return r.choice([0, 1, -1, 255, 256, 65536, -70000, 2**31, -2**40, 2**52])
    if kind == 3: return r.uniform(-1e9, 1e9)
    if kind in (4, 5): return r.choice(words)
    if kind == 6: return [value(depth + 1) for _ in range(r.randrange(6))]
    return {r.choice(words): value(depth + 1) for _ in range(r.randrange(6))}
for n in range(150):
    one = value(0)
    for protocol in range(6):
        print(base64.b64encode(pickle.dumps(one, protocol)).decode(), json.dumps(one))
`;

testWith('python', 'a pickle of what JSON can hold is that JSON, by every protocol', async () => {
  const lines = (await python(JSONABLE)).trimEnd().split('\n');
  assert.equal(lines.length, 900);
  for (const line of lines) {
    const space = line.indexOf(' ');
    assert.deepEqual(plain(line.slice(0, space)), JSON.parse(line.slice(space + 1)), line);
  }
});

const OTHERS = `
import base64, collections, datetime, decimal, fractions, pickle, sys
class A:
    def __init__(self): self.x = {2}; self.me = self
shared = [1]
values = [(1, b'\\x00\\xff'), 2**70, float('-inf'), {1: 'one'}, {'$x': 1}, frozenset([3]), A(), [shared, shared, shared],
    datetime.datetime(2026, 1, 2, 3, 4, 5, 6), collections.OrderedDict(z=1), decimal.Decimal('1.5'), collections.OrderedDict]
for value in values: print(base64.b64encode(pickle.dumps(value, int(sys.argv[1]))).decode())
`;

testWith('python', 'what JSON does not have is shown with its name, and classes stay names', async () => {
  for (const protocol of ['2', '3', '4', '5']) {
    const values = (await python(OTHERS, protocol)).trimEnd().split('\n').map(plain);
    const frozen = Number(protocol) > 3 ? { $frozenset: [3] } : values[5];
    const state = (values[6] as { state: { x: unknown } }).state;
    const set = Number(protocol) > 3 ? { $set: [2] } : state.x;
    assert.deepEqual(values, [
      { $tuple: [1, { $bytes: 'AP8=' }] },
      { $int: '1180591620717411303424' },
      { $float: '-inf' },
      { $dict: [[1, 'one']] },
      { $dict: [['$x', 1]] },
      frozen,
      { $id: 1, $class: '__main__.A', state: { x: set, me: { $ref: 1 } } },
      [{ $id: 1, $list: [1] }, { $ref: 1 }, { $ref: 1 }],
      { $class: 'datetime.datetime', time: '2026-01-02T03:04:05.000006' },
      { $class: 'collections.OrderedDict', pairs: { z: 1 } },
      { $class: 'decimal.Decimal', args: ['1.5'] },
      { $global: 'collections.OrderedDict' },
    ]);
  }
});

test('hostile pickles end with an error or with few characters', () => {
  // Lists in lists of which each has the one before it ten times.
  const laughs = [
    '80025d7100',
    ...Array.from({ length: 60 }, (_, i) => `5d71${hex(i + 1)}28${`68${hex(i)}`.repeat(10)}65`),
    '2e',
  ];
  // The stack has more than one thing at the end, of which the last one counts.
  const laughing = JSON.stringify(plainOf(readPickle(Buffer.from(laughs.join(''), 'hex'))));
  assert.ok(laughing.length < 100_000, `${laughing.length}`);
  const deep = Buffer.concat([
    Buffer.from('8004', 'hex'),
    Buffer.alloc(100_000, ']'),
    Buffer.alloc(99_999, 'a'),
    Buffer.from('.'),
  ]);
  assert.ok(JSON.stringify(plainOf(readPickle(deep))).length < 10_000);
  for (const bytes of [
    Buffer.concat([Buffer.from('8004', 'hex'), Buffer.alloc(9 << 20, 'N'), Buffer.from('.')]),
    Buffer.from('80048effffffffffffff7f2e', 'hex'),
    Buffer.from('80048affff2e', 'hex'),
    Buffer.from('8004682e', 'hex'),
    Buffer.from(''),
  ]) {
    assert.throws(() => readPickle(bytes), PickleDataError);
  }
  const deepJson = Buffer.from(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
  assert.ok(valueText(deepJson, readAny(deepJson)).length < 30_000_000);
});

const hex = (n: number) => n.toString(16).padStart(2, '0');

testWith('python', 'of a pickle with wrong bytes nothing but data or an error comes', async () => {
  const pickles = [
    ...(await python(OTHERS, '4')).trimEnd().split('\n'),
    ...(await python(OTHERS, '0')).trimEnd().split('\n'),
  ];
  const random = new Random(3);
  for (let n = 0; n < 4000; n++) {
    const bytes = bytesOf(pickles[n % pickles.length]);
    bytes[random.below(bytes.length)] = random.below(256);
    const read = readAny(bytes);
    JSON.parse(valueJson(bytes, read));
    valueText(bytes, read);
  }
  for (const pickle of pickles) {
    const bytes = bytesOf(pickle);
    for (let size = 0; size < bytes.length; size++)
      assert.throws(() => readPickle(bytes.subarray(0, size)), PickleDataError);
  }
});

test('a text, JSON and bytes are shown as what they are, and nothing drives a terminal', () => {
  const shown = (text: string) => {
    const bytes = Buffer.from(text);
    return valueText(bytes, readAny(bytes));
  };
  assert.equal(shown('two\nlines'), 'two\nlines');
  assert.equal(
    shown('{"b":12345678901234567890,"a":[1,{}, []]}'),
    '{\n  "b": 12345678901234567890,\n  "a": [\n    1,\n    {},\n    []\n  ]\n}',
  );
  assert.equal(shown('["\u202e"]'), '[\n  "\\u202e"\n]');
  assert.equal(shown('\x1b[31m'), '00000000  1b 5b 33 31 6d                                   .[31m');
  assert.equal(shown('a\u202eb'), 'a\\xe2\\x80\\xaeb');
  assert.equal(shown('(no pickle.'), '(no pickle.');
});
