import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { walkPickle } from '../../src/pickle/walk.js';
import { memorySource } from '../../src/source/source.js';
import type { Source } from '../../src/source/source.js';
import { cpuTime } from '../tools/cpu.js';
import { runs } from '../tools/effort.js';

/** Bytes of numbers and of Latin-1 text, put together. */
function bytesOf(...parts: (number | string)[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part) => (typeof part === 'number' ? [part] : [...Buffer.from(part, 'latin1')])),
  );
}

function walk(bytes: Uint8Array, maxDepth?: number) {
  return walkPickle(memorySource(bytes), 0, bytes.length, maxDepth);
}

const WHOLE: [what: string, bytes: Uint8Array, kind: string][] = [
  ['None', bytesOf(0x80, 2, 'N.'), 'none'],
  ['an int of protocol 4, which has no frame', bytesOf(0x80, 4, 'K', 5, '.'), 'int'],
  ['a str in a frame', bytesOf(0x80, 4, 0x95, 5, 0, 0, 0, 0, 0, 0, 0, 0x8c, 1, 'a', 0x94, '.'), 'str'],
  ['a str with a lone surrogate', bytesOf(0x80, 2, 'X', 3, 0, 0, 0, 0xed, 0xa0, 0x80, '.'), 'str'],
  ['a dict with a key', bytesOf(0x80, 2, '}q', 0, 'X', 1, 0, 0, 0, 'kK', 1, 's.'), 'dict'],
  ['an object of a dict subclass', bytesOf(0x80, 2, 'cm\nC\n)', 0x81, '(K', 1, 'K', 2, 'u}b.'), 'anything'],
  ['a list that holds itself', bytesOf(0x80, 2, ']q', 0, 'h', 0, 'a.'), 'list'],
  ['a large int of Python 2', bytesOf(0x80, 2, 'I4294967296\n.'), 'int'],
  [
    'a dict of Python 2, whose memo counts from 1',
    bytesOf(0x80, 2, '}q', 1, '(U', 1, 'aq', 2, 0x8a, 1, 1, 'X', 1, 0, 0, 0, 'bq', 3, ']q', 4, 'K', 1, 'au.'),
    'dict',
  ],
  ['a mark that is taken off', bytesOf(0x80, 2, 'N(N10N.'), 'none'],
];

for (const [what, bytes, kind] of WHOLE) {
  test(`whole: ${what}`, async () => {
    const found = await walk(bytes);
    assert.ok(found.whole, JSON.stringify(found));
    assert.deepEqual([found.size, found.kind], [bytes.length, kind]);
  });
}

const FAULTY: [what: string, bytes: Uint8Array, at: number, opcode: string | undefined][] = [
  ['no bytes', bytesOf(), 0, undefined],
  ['no header', bytesOf('N.'), 0, 'NONE'],
  ['protocol 1', bytesOf(0x80, 1, 'N.'), 0, 'PROTO'],
  ['protocol 6', bytesOf(0x80, 6, 'N.'), 0, 'PROTO'],
  ['a second header', bytesOf(0x80, 2, 0x80, 2, 'N.'), 2, 'PROTO'],
  ['a byte that is no opcode', bytesOf(0x80, 2, 0xff), 2, undefined],
  ['an opcode of a later protocol', bytesOf(0x80, 3, 0x8f, '.'), 2, 'EMPTY_SET'],
  ['nothing made', bytesOf(0x80, 2, '.'), 2, 'STOP'],
  ['two things made', bytesOf(0x80, 2, 'NN.'), 4, 'STOP'],
  ['a mark left', bytesOf(0x80, 2, '(.'), 3, 'STOP'],
  ['a pop of nothing', bytesOf(0x80, 2, '0.'), 2, 'POP'],
  ['a tuple over a mark', bytesOf(0x80, 2, 'N(', 0x85, '.'), 4, 'TUPLE1'],
  ['a tuple without mark', bytesOf(0x80, 2, 'Nt.'), 3, 'TUPLE'],
  ['items for an int', bytesOf(0x80, 2, 'K', 1, '(Ne.'), 6, 'APPENDS'],
  ['one item for an int', bytesOf(0x80, 2, 'K', 1, 'Na.'), 5, 'APPEND'],
  ['three things as pairs', bytesOf(0x80, 2, '}(NNNu.'), 7, 'SETITEMS'],
  ['pairs for a list', bytesOf(0x80, 2, '](NNu.'), 6, 'SETITEMS'],
  ['a list as a key', bytesOf(0x80, 2, '}]Ns.'), 5, 'SETITEM'],
  ['a list in a set', bytesOf(0x80, 4, 0x8f, '(]', 0x90, '.'), 5, 'ADDITEMS'],
  ['an entry that is not there', bytesOf(0x80, 2, 'h', 0, '.'), 2, 'BINGET'],
  ['an entry stored twice', bytesOf(0x80, 2, 'Nq', 0, 'q', 0, '.'), 5, 'BINPUT'],
  ['an entry far beyond', bytesOf(0x80, 2, 'Nr', 0xff, 0xff, 0xff, 0xff, '.'), 3, 'LONG_BINPUT'],
  ['a stored mark', bytesOf(0x80, 2, '(q', 0, '.'), 3, 'BINPUT'],
  ['a class named by numbers', bytesOf(0x80, 4, 'K', 1, 'K', 1, 0x93, '.'), 6, 'STACK_GLOBAL'],
  ['a call of a number', bytesOf(0x80, 2, 'K', 1, ')R.'), 5, 'REDUCE'],
  ['a state for a number', bytesOf(0x80, 2, 'K', 1, '}b.'), 5, 'BUILD'],
  ['text that is not UTF-8', bytesOf(0x80, 2, 'X', 1, 0, 0, 0, 0x80, '.'), 2, 'BINUNICODE'],
  ['text that is cut', bytesOf(0x80, 2, 'X', 1, 0, 0, 0, 0xc3, 0xa9, '.'), 2, 'BINUNICODE'],
  ['text that is longer than needed', bytesOf(0x80, 2, 'X', 2, 0, 0, 0, 0xc0, 0x80, '.'), 2, 'BINUNICODE'],
  ['an argument past the end', bytesOf(0x80, 3, 'B', 0xff, 0xff, 0xff, 0xff, '.'), 2, 'BINBYTES'],
  ['a frame past the end', bytesOf(0x80, 4, 0x95, 9, 0, 0, 0, 0, 0, 0, 0, 'N.'), 2, 'FRAME'],
  ['a frame that is longer', bytesOf(0x80, 4, 0x95, 3, 0, 0, 0, 0, 0, 0, 0, 'N.N'), 12, 'STOP'],
  ['a frame that cuts an opcode', bytesOf(0x80, 4, 0x95, 1, 0, 0, 0, 0, 0, 0, 0, 'K', 1, '.'), 11, 'BININT1'],
  ['an int that is no number', bytesOf(0x80, 2, 'I1x\n.'), 2, 'INT'],
  ['a name with a control character', bytesOf(0x80, 2, 'ca\x01\nb\n.'), 2, 'GLOBAL'],
  ['no end', bytesOf(0x80, 2, 'N'), 3, undefined],
];

for (const [what, bytes, at, opcode] of FAULTY) {
  test(`not whole: ${what}`, async () => {
    const found = await walk(bytes);
    assert.ok(!found.whole);
    assert.deepEqual([found.at, found.opcode], [at, opcode], JSON.stringify(found));
  });
}

test('a long argument of bytes is neither read nor held in memory', async () => {
  const length = 2 ** 40;
  let read = 0;
  const head = bytesOf(0x80, 4, 0x8e, 0, 0, 0, 0, 0, 1, 0, 0);
  const source: Source = {
    size: head.length + length + 1,
    async read(offset, size) {
      read += size;
      const bytes = new Uint8Array(size).fill(0x2e);
      if (offset === 0) bytes.set(head);
      return bytes;
    },
  };
  const found = await walkPickle(source, 0, source.size);
  assert.ok(found.whole && found.size === source.size);
  assert.ok(read < 16_384, String(read));
});

test('text over many windows is checked to its end', async () => {
  const size = 5_000_001;
  const bytes = new Uint8Array(7 + size + 1);
  bytes.set(bytesOf(0x80, 2, 'X', size & 255, (size >> 8) & 255, size >> 16, 0));
  // An odd number before characters of two bytes, so that windows cut them.
  for (let i = 8; i < 7 + size; i++) bytes[i] = i % 2 === 0 ? 0xc3 : 0xa9;
  bytes[7] = 0x41;
  bytes[7 + size] = 0x2e;
  const found = await walk(bytes);
  assert.ok(found.whole && found.size === bytes.length, JSON.stringify(found));
  bytes[7 + size - 2] = 0x41;
  const wrong = await walk(bytes);
  assert.ok(!wrong.whole && wrong.at === 2 && wrong.opcode === 'BINUNICODE', JSON.stringify(wrong));
});

test('hostile pickles are refused, with a bounded stack', async () => {
  const filled = (byte: number, ...head: (number | string)[]) => {
    const bytes = new Uint8Array(8 << 20).fill(byte);
    bytes.set(bytesOf(0x80, 2, ...head));
    return bytes;
  };
  const started = cpuTime();
  const marks = await walk(filled(0x28), 1 << 20);
  assert.ok(!marks.whole && marks.at === 2 + (1 << 20), JSON.stringify(marks));
  const copies = await walk(filled(0x32, 'N'), 1 << 20);
  assert.ok(!copies.whole && copies.opcode === 'DUP' && copies.at === 2 + (1 << 20), JSON.stringify(copies));
  const deep = await walk(filled(0x85, 'N'));
  assert.ok(!deep.whole && deep.expected === 'STOP');
  const lists = await walk(filled(0x5d));
  assert.ok(!lists.whole && lists.expected === 'STOP');
  assert.ok(cpuTime() - started < 5000);
});

test('a walk of any bytes ends with a result', async () => {
  const opcodes = fc.constantFrom(
    ...bytesOf('N(0210]})tuesabcRQKMJGXUTCBhjqrold.', 0x80, 2, 3, 4, 5, 0, 0x95),
  );
  const parts = fc.array(fc.oneof(fc.integer({ min: 0, max: 255 }), opcodes, opcodes), { maxLength: 300 });
  const property = fc.asyncProperty(parts, fc.integer({ min: 2, max: 5 }), async (numbers, protocol) => {
    const bytes = Uint8Array.from([0x80, protocol, ...numbers]);
    const found = await walk(bytes);
    if (found.whole) assert.ok(found.size >= 4 && found.size <= bytes.length);
    else assert.ok(found.at >= 0 && found.at <= bytes.length && found.expected !== '');
  });
  await fc.assert(property, { numRuns: runs(3000), seed: 7 });
});
