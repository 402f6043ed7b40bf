import assert from 'node:assert/strict';
import test from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { asciiWriter } from '../../src/exchange/ascii.js';
import { binaryWriter, LENGTH_FORMS } from '../../src/exchange/binary.js';
import { csvWriter } from '../../src/exchange/csv.js';
import { globOf } from '../../src/exchange/glob.js';
import { latestSnapshot } from '../../src/exchange/latest.js';
import type { DumpWriter } from '../../src/exchange/dump.js';
import { OutputBuffer } from '../../src/exchange/dump.js';
import { readDump } from '../../src/exchange/load.js';
import { ndjsonWriter } from '../../src/exchange/ndjson.js';
import type { KeyValue } from '../build/build.js';
import { anyRecords, text } from '../build/build.js';
import { cpuTime } from '../tools/cpu.js';
import { runs } from '../tools/effort.js';

function written(records: readonly KeyValue[], writer: DumpWriter): Uint8Array {
  const out = new OutputBuffer();
  writer.head(out);
  for (const { key, value } of records) {
    for (const [which, bytes] of [
      ['key', key],
      ['value', value],
    ] as const) {
      writer.begin(out, which, bytes.length);
      writer.piece(out, bytes, 0, bytes.length, true);
      writer.end(out, which);
    }
  }
  writer.tail(out, records.length);
  return out.bytes.slice(0, out.used);
}

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

async function read(bytes: Uint8Array, size = 1 << 16): Promise<[string, string][]> {
  const found: [string, string][] = [];
  for await (const batch of (await readDump(inPieces(bytes, size))).batches) {
    if ('count' in batch) {
      let at = 0;
      for (let i = 0; i < batch.count; i++) {
        const keyEnd = at + batch.keySizes[i];
        const end = keyEnd + batch.dataSizes[i];
        found.push([text(batch.bytes.subarray(at, keyEnd)), text(batch.bytes.subarray(keyEnd, end))]);
        at = end;
      }
    } else {
      const pieces: Uint8Array[] = [];
      for await (const piece of batch.pieces) pieces.push(piece.slice());
      const all = Buffer.concat(pieces);
      found.push([text(all.subarray(0, batch.key.length)), text(all.subarray(batch.key.length))]);
    }
  }
  return found;
}

const plain = (records: readonly KeyValue[]) => records.map(({ key, value }) => [text(key), text(value)]);
const ascii = () => asciiWriter({ by: 'a test', date: 'Tue Nov  3 20:45:00 2026', file: 'x.db' });

for (const [name, writer] of [
  ['ASCII', ascii],
  ['NDJSON', ndjsonWriter],
] as const) {
  test(`what is written as ${name} is read back, in pieces of any size`, () =>
    fc.assert(
      fc.asyncProperty(anyRecords(20), fc.integer({ min: 1, max: 300 }), async (records, size) => {
        fc.pre(name === 'ASCII' || records.length > 0);
        assert.deepEqual(await read(written(records, writer()), size), plain(records));
      }),
      { numRuns: runs(60) },
    ));
}

test('a binary dump of every kind of machine is read back', () =>
  fc.assert(
    fc.asyncProperty(
      anyRecords(20),
      fc.constantFrom(...LENGTH_FORMS),
      fc.integer({ min: 1, max: 300 }),
      async (records, form, size) => {
        // A first key that is empty or begins with zeroes leaves the form open.
        const told = [{ key: Buffer.from('first'), value: Buffer.from('value') }, ...records];
        assert.deepEqual(await read(written(told, binaryWriter(form)), size), plain(told));
      },
    ),
    { numRuns: runs(60) },
  ));

test('a dump that ends anywhere but at its end is refused', async () => {
  const records = [
    { key: Buffer.from('key'), value: Buffer.alloc(200, 7) },
    { key: Buffer.from('other'), value: Buffer.from('') },
  ];
  const whole = written(records, ascii());
  for (let end = 1; end < whole.length - '# End of data\n'.length; end++) {
    // Without its last newline the count is whole.
    if (end === whole.length - '\n# End of data\n'.length) continue;
    await assert.rejects(read(whole.slice(0, end)), { name: 'DumpError' }, `cut at ${end}`);
  }
});

test('a refusal says the line and the column', async () => {
  const head = '#:version=1.1\n# End of header\n';
  for (const [dump, says] of [
    [`${head}#:len=3\nYW!j\n`, /^line 4, column 3: expected .* bytes more in base64, found "!"/],
    [`${head}#:len=-1\n`, /^line 3, column 7: expected a number of bytes/],
    [`${head}#:len=99999999999\n`, /^line 3, column 7/],
    [`${head}#:len=4194304\nYWJj\n`, /line 5, column 1: expected more base64, found the end/],
    [`${head}#:len=2147483647\nYWJj\n`, /^line 3, column 7: expected a key of at most 4194304 bytes/],
    [`${head}#:len=1\nYQ==\n#:len=2147483647\nYWJj\n`, /line 7, column 1: expected more base64/],
    [`${head}#:len=1\nYQ==\n#:len=1\nYg==\n#:count=2\n`, /^line 7, column 9: expected 1/],
    ['VERSION=3\nformat=bytevalue\nHEADER=END\n 6b3\n', /^line 4, column 4/],
    ['VERSION=3\nformat=bytevalue\nHEADER=END\n 6b31\n 76\n', /cut off/],
    ['{"key":"YQ==","value":"!"}\n', /^line 1, column 15: expected "value" in base64/],
    ['hello', /^line 1, column 1: expected a dump/],
    ['', /the end of the input/],
  ] as const) {
    await assert.rejects(read(Buffer.from(dump)), { name: 'DumpError', message: says }, dump);
  }
});

test('a length that no data follows takes no memory', async () => {
  const before = process.memoryUsage().arrayBuffers;
  const head = '!\r\n!\r\n';
  const key = Buffer.from('7ffffff000000000', 'hex');
  const value = Buffer.from('00000001000000006b7ffffff000000000', 'hex');
  for (const lengths of [key, value])
    await assert.rejects(read(Buffer.concat([Buffer.from(head), lengths, Buffer.from('abc')])), /offset \d+/);
  assert.ok(process.memoryUsage().arrayBuffers - before < 64 << 20);
});

test('dumps of Berkeley DB are read, in hexadecimal and printed', async () => {
  const head = (form: string) => `VERSION=3\nformat=${form}\ntype=hash\nHEADER=END\n`;
  assert.deepEqual(await read(Buffer.from(`${head('bytevalue')} 6b\n 00ff\n \n 76\nDATA=END\n`)), [
    ['k', '\0\xff'],
    ['', 'v'],
  ]);
  assert.deepEqual(await read(Buffer.from(`${head('print')} k 1\n a\\00\\\\\nDATA=END\n`)), [
    ['k 1', 'a\0\\'],
  ]);
});

test('lines that are too long to be held are read in pieces, between short ones', async () => {
  const size = 9 << 20;
  const long = Buffer.alloc(size, 'long value \\ ');
  const expected = [
    ['a', '1'],
    ['k', text(long)],
    ['b', '2'],
  ];
  const base64 = long.toString('base64');
  const printed = text(long).replaceAll('\\', '\\\\').replaceAll('v', '\\76');
  const berkeley = (form: string, [one, value, two]: string[]) =>
    `VERSION=3\nformat=${form}\nHEADER=END\n${one}${value}${two}DATA=END\n`;
  for (const [what, dump] of [
    [
      'as written',
      `{"key":"YQ==","value":"MQ=="}\n{"key":"aw==","value":"${base64}"}\n{"key":"Yg==","value":"Mg=="}\n`,
    ],
    [
      'with spaces and other members',
      `{"key":"YQ==","value":"MQ=="}\r\n{"é": [{"a":1}], "key" : "aw==", "value" : "${base64}", "x": {}}\r\n{"key":"Yg==","value":"Mg=="}`,
    ],
    ['hexadecimal', berkeley('bytevalue', [' 61\n 31\n', ` 6b\n ${long.toString('hex')}\n`, ' 62\n 32\n'])],
    ['printed', berkeley('print', [' a\n 1\n', ` k\r\n ${printed}\r\n`, ' b\n 2\n'])],
  ]) {
    // A failure of deepEqual would print megabytes.
    const found = await read(Buffer.from(dump), 99_991);
    assert.ok(isDeepStrictEqual(found, expected), what);
  }
  // 0xff all over is "////", which JSON may have with a backslash before each.
  const slashes = `{"key":"aw==","value":"${'\\/'.repeat(8 << 20)}"}\n`;
  assert.ok(isDeepStrictEqual(await read(Buffer.from(slashes)), [['k', '\xff'.repeat(6 << 20)]]));
});

test('a line that is too long to be held is refused with its place where it is wrong', async () => {
  const long = 'A'.repeat(12 << 20);
  const berkeley = 'VERSION=3\nHEADER=END\n 6b\n ';
  for (const [what, dump, says] of [
    ['value first', `{"value":"${long}","key":"aw=="}\n`, /^line 1, column 1: expected "key" with a text/],
    ['no value', `{"key":"${long}"}\n`, /^line 1, column 1: expected "key" and the beginning of "value"/],
    [
      'no base64',
      `{"key":"aw==","value":"${long}!"}\n`,
      /^line 1, column 12582936: expected "value" in base64/,
    ],
    [
      'half a group',
      `{"key":"aw==","value":"${long}A"}\n`,
      /^line 1, column 12582937: expected "value" in base64/,
    ],
    ['cut off', `{"key":"aw==","value":"${long}`, /found the end of the input/],
    [
      'no JSON behind',
      `{"key":"aw==","value":"${long}" nothing}\n`,
      /^line 1, column \d+: expected an object in JSON/,
    ],
    ['no digit', `${berkeley}${long}XX\nDATA=END\n`, /^line 4, column 12582914: expected two hexadecimal/],
    ['an odd digit', `${berkeley}${long}0\nDATA=END\n`, /^line 4, column 12582914: expected two hexadecimal/],
    ['cut off', `${berkeley}${long}`, /found the end of the input: it is cut off/],
    ['a long key', `VERSION=3\nHEADER=END\n ${long}\n 00\n`, /^line 3, column 1: expected a line of at most/],
  ] as const) {
    await assert.rejects(read(Buffer.from(dump)), { name: 'DumpError', message: says }, what);
  }
});

test('a spreadsheet computes nothing of a CSV, and bytes that are no text are base64', () => {
  const field = (value: string | Uint8Array) =>
    Buffer.from(written([{ key: Buffer.from('k'), value: Buffer.from(value) }], csvWriter()))
      .toString()
      .slice('key,value\r\nk,'.length, -2);
  assert.equal(field('plain'), 'plain');
  assert.equal(field('a,"b"'), '"a,""b"""');
  assert.equal(field('-5'), '-5');
  for (const formula of ['=1+1', '+cmd', '-cmd', '@SUM(1)', "'=1"])
    assert.equal(field(formula), `'${formula}`);
  assert.equal(field('\t=1'), "'\t=1");
  assert.equal(field(Uint8Array.of(0xff)), 'base64:/w==');
  assert.equal(field('base64:x'), `base64:${Buffer.from('base64:x').toString('base64')}`);
});

test('a pattern means the same as the regular expression of it', () =>
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 }),
      fc.string({ unit: fc.constantFrom('a', 'b', 'ü'), maxLength: 10 }),
      (pattern, key) => {
        const expected = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'u').test(key);
        assert.equal(globOf([pattern])(Buffer.from(key)), expected);
      },
    ),
  ));

test('a pattern with many stars takes no time', () => {
  const start = cpuTime();
  assert.equal(globOf(['*a'.repeat(30) + 'b'])(Buffer.alloc(20_000, 'a')), false);
  assert.ok(cpuTime() - start < 2000);
});

test('without a counter of syncs the later time decides', () => {
  const at = (mtime: bigint) => ({ mode: 0o400, mtime, numsync: undefined });
  assert.equal(latestSnapshot(at(2n), at(1n)).latest, 'even');
  assert.equal(latestSnapshot(at(1n), at(1n)).verdict, 'same');
});
