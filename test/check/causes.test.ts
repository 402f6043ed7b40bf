import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import type { CheckResult } from '../../src/check/check.js';
import type { FindingGroup } from '../../src/check/finding.js';
import { finding, FindingList, groupFindings, KEPT_PER_CODE } from '../../src/check/finding.js';
import { check } from '../../src/examine.js';
import { LIBGDBM_MESSAGES } from '../../src/check/libgdbm.js';
import { memorySource } from '../../src/source/source.js';
import { cli } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import type { Step } from '../tools/libgdbm.js';
import { LibGdbm } from '../tools/libgdbm.js';
import { testWith } from '../tools/needs.js';

const NEXT_BLOCK_LOW = fixture('../test/cases/next-block-8192.db');

/** The same file as it was before its `next_block` was overwritten. */
async function wholeFile(): Promise<Buffer> {
  const bytes = await readFile(NEXT_BLOCK_LOW);
  bytes.writeBigInt64LE(BigInt(bytes.length), 32);
  return bytes;
}

/** Header fields of a file of amd64: name, offset, bytes. */
const FIELDS = [
  ['magic', 0, 4],
  ['block_size', 4, 4],
  ['dir', 8, 8],
  ['dir_size', 16, 4],
  ['dir_bits', 20, 4],
  ['bucket_size', 24, 4],
  ['bucket_elems', 28, 4],
  ['next_block', 32, 8],
  ['avail.size', 40, 4],
  ['avail.count', 44, 4],
  ['avail.next_block', 48, 8],
] as const;

const MAGICS = [0x13579acd, 0x13579ace, 0x13579acf, 0x13579ad1, 0xcf9a5713];

/** A file of the real library with many buckets, and an avail chain of two blocks. */
async function realFile(library: LibGdbm, path: string): Promise<Buffer> {
  const text = (value: string) => Buffer.from(value);
  const numbers = Array.from({ length: 400 }, (_, i) => i);
  const key = (i: number) => text(`key ${i}`);
  await library.create(
    path,
    [
      ...numbers.map((i): Step => ['store', key(i), text('v'.repeat(5 + ((i * 7) % 50)))]),
      ...numbers.filter((i) => i % 3 === 0).map((i): Step => ['delete', key(i)]),
      ...numbers
        .filter((i) => i % 4 === 1)
        .map((i): Step => ['store', key(i), text('w'.repeat(60 + (i % 40)))]),
    ],
    { blockSize: 512 },
  );
  return readFile(path);
}

/** Every text of a result that says what follows from a finding. */
function explanations(groups: readonly FindingGroup[]): string[] {
  return groups.flatMap(({ consequence, consequences }) => [consequence, ...explanations(consequences)]);
}

/**
 * Requires that no text says what libgdbm does not do.
 *
 * @param answer the real library's message, or the number of records
 */
function requireNoContradiction(result: CheckResult, answer: string | number, what: string): void {
  for (const text of explanations(groupFindings(result))) {
    for (const message of LIBGDBM_MESSAGES.filter((one) => text.includes(one))) {
      assert.equal(answer, message, `${what}: ${text}`);
    }
    if (/refuses to (open|work with) the file\.|does not open the file/.test(text)) {
      assert.equal(typeof answer, 'string', `${what}: libgdbm works with it; ${text}`);
    }
    if (/opens the file|opens it/.test(text)) {
      assert.equal(typeof answer, 'number', `${what}: libgdbm says "${answer}"; ${text}`);
    }
  }
}

testWith(
  'libgdbm',
  'one wrong header field is one cause, and what is said agrees with libgdbm',
  async (t) => {
    const library = new LibGdbm();
    t.after(() => library.close());
    const path = join(await temporaryFolder(t), 'real.db');
    const real = await realFile(library, path);
    assert.notEqual(real.readBigInt64LE(48), 0n, 'the avail chain has a second block');
    const sound = await check(memorySource(real));
    assert.equal(sound.verdict, 'healthy');
    const bySelf = groupFindings(sound).length;
    for (const [name, at, bytes] of FIELDS) {
      const original = bytes === 4 ? real.readInt32LE(at) : Number(real.readBigInt64LE(at));
      const values = new Set([
        0,
        -1,
        1,
        original + 1,
        original - 1,
        original * 2,
        original >> 1,
        2048,
        0x41414141,
      ]);
      if (name === 'magic') MAGICS.forEach((magic) => values.add(magic));
      if (bytes === 8) [2 ** 40, 2 ** 62].forEach((value) => values.add(value));
      values.delete(original);
      for (const value of values) {
        const what = `${name} ${value}`;
        const damaged = Buffer.from(real);
        if (bytes === 4) damaged.writeInt32LE(value | 0, at);
        else damaged.writeBigInt64LE(BigInt(value), at);
        await writeFile(path, damaged);
        const answer = await library.count(path);
        const result = await check(memorySource(damaged));
        assert.equal(result.libgdbm, typeof answer === 'string' ? answer : null, what);
        assert.equal(result.records.count, sound.records.count, what);
        const groups = groupFindings(result);
        const standing = groups.reduce((sum, { count }) => sum + count, 0);
        assert.ok(
          standing <= bySelf + 2,
          `${what}: ${groups.map(({ code, count }) => `${code} ${count}`).join()}`,
        );
        requireNoContradiction(result, answer, what);
      }
    }
  },
);

testWith('libgdbm', 'a next_block that is too low is the one cause of all that is behind it', async (t) => {
  const library = new LibGdbm();
  t.after(() => library.close());
  const result = await check(memorySource(await readFile(NEXT_BLOCK_LOW)));
  const answer = await library.count(NEXT_BLOCK_LOW);
  assert.equal(result.libgdbm, answer);
  requireNoContradiction(result, answer, 'next_block 8192');
  const groups = groupFindings(result);
  assert.deepEqual(
    groups.map(({ code, count }) => [code, count]),
    [['header-next-block-low', 1]],
  );
  assert.deepEqual(
    groups[0].consequences.map(({ code, count }) => [code, count]),
    [
      ['avail-entry', 1],
      ['bucket-avail', 32],
      ['record-beyond-next-block', 4000],
    ],
  );
  // Free space is judged by the file's size: all of it is where it can be.
  assert.equal(result.space?.bytes.unaccounted, 0);
});

test('check prints a cause once, with what it explains counted, and --all the places of each', async () => {
  const { stdout } = await cli(['check', '--findings', NEXT_BLOCK_LOW]);
  assert.match(stdout, /findings +1; they explain 4,033 more/);
  assert.match(
    stdout,
    /header-next-block-low at offset 32 .*\n.*next_block 8192; expected the file's size, 413696/,
  );
  assert.match(stdout, /warning record-beyond-next-block, 4,000 times/);
  assert.doesNotMatch(stdout, /Database needs recovery/);
  assert.ok(stdout.split('\n').length < 40, stdout);
  const all = await cli(['check', '--all', NEXT_BLOCK_LOW]);
  assert.match(all.stdout, /… and 3,900 more/);
});

test('the JSON has one finding for each cause, with counts, the first places and the consequences', async () => {
  const { stdout } = await cli(['check', '--json', NEXT_BLOCK_LOW]);
  const { files } = JSON.parse(stdout) as {
    files: [{ findings: FindingGroup[]; findingCounts: Record<string, number> }];
  };
  const [{ findings, findingCounts }] = files;
  assert.equal(findings.length, 1);
  const [{ code, offset, count, places, consequences }] = findings;
  assert.deepEqual({ code, offset, count }, { code: 'header-next-block-low', offset: 32, count: 1 });
  assert.equal(places.length, 1);
  const records = consequences.find((one) => one.code === 'record-beyond-next-block')!;
  assert.equal(records.count, findingCounts['record-beyond-next-block']);
  assert.equal(records.places.length, KEPT_PER_CODE);
});

test('a range of garbage in the directory is one cause, however many lookups it misleads', async () => {
  const bytes = await wholeFile();
  const directory = Number(bytes.readBigInt64LE(8));
  for (let i = 0; i < 64; i++) bytes[directory + 800 + i] = (i * 73 + 41) & 0xff;
  const result = await check(memorySource(bytes));
  const groups = groupFindings(result).filter(({ severity }) => severity === 'error');
  assert.deepEqual(
    groups.map(({ code, count }) => [code, count]),
    [['directory-entry-invalid', 1]],
  );
  assert.match(groups[0].found, /^slots 100 to 107: /);
  assert.ok(groups[0].consequences.some(({ code }) => code === 'element-wrong-bucket'));
});

test('a file whose end is gone has one cause, with the buckets and records that were there under it', async () => {
  const result = await check(memorySource((await wholeFile()).subarray(0, 250_000)));
  const errors = groupFindings(result).filter(({ severity }) => severity === 'error');
  assert.deepEqual(
    errors.map(({ code }) => code),
    ['header-next-block-high'],
  );
  // libgdbm answers "Unexpected end of file".
  requireNoContradiction(result, result.libgdbm ?? result.records.count, 'its end gone');
  const explained = errors[0].consequences.map(({ code }) => code);
  assert.deepEqual(explained.sort(), ['directory-entry-invalid', 'element-bounds']);
});

test('findings are kept by code and cause, counted in full, and grouped under the cause that stands by itself', () => {
  const list = new FindingList();
  const many = 3 * KEPT_PER_CODE;
  for (let i = 0; i < many; i++) {
    list.add([
      finding('element-bounds', i, 'a', 'b', 'bucket-header'),
      finding('element-bounds', i, 'a', 'b'),
      finding('bucket-header', i, 'a', 'b', 'directory-entry-wrong'),
    ]);
  }
  list.add([finding('directory-entry-wrong', 7, 'a', 'b')]);
  assert.equal(list.kept.length, 3 * KEPT_PER_CODE + 1);
  const groups = groupFindings({
    findings: list.kept,
    findingCounts: Object.fromEntries(list.counts),
    explainedCounts: list.explained,
  });
  assert.deepEqual(
    groups.map(({ code, count, places, consequences }) => [code, count, places.length, consequences.length]),
    [
      ['element-bounds', many, KEPT_PER_CODE, 0],
      ['directory-entry-wrong', 1, 1, 2],
    ],
  );
  assert.deepEqual(
    groups[1].consequences.map(({ code, count }) => [code, count]),
    [
      ['element-bounds', many],
      ['bucket-header', many],
    ],
  );
});
