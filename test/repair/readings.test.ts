import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { check } from '../../src/examine.js';
import { repair } from '../../src/repair.js';
import type { RepairOptions, RepairResult } from '../../src/repair/result.js';
import { checkText } from '../../src/report/text.js';
import { memorySource } from '../../src/source/source.js';
import { contentsOf } from '../torture/recover.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { LibGdbm } from '../tools/libgdbm.js';
import { testWith } from '../tools/needs.js';
import { Chalk } from 'chalk';

const caseBytes = (name: string) => readFile(fixture(`../test/cases/${name}.db`));

/** The repair of a file, the keys that came back, and where the fresh file is. */
interface Outcome {
  readonly result: RepairResult;
  readonly keys: readonly string[];
  readonly output: string;
}

async function repaired(t: TestContext, bytes: Uint8Array, options: RepairOptions = {}): Promise<Outcome> {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'state.db');
  await writeFile(path, bytes);
  const output = join(folder, 'fresh.db');
  const result = await repair(path, { ...options, output, lock: false });
  if (result.action !== 'repaired') return { result, keys: [], output };
  return { result, keys: [...(await contentsOf(await readFile(output))).keys()], output };
}

/** Each case that a repair mends: what is promised, and how many records. */
const MENDED: readonly (readonly [name: string, promise: string, records: number])[] = [
  ['flower-directory-block-0xff', 'an erased directory block is no empty bucket', 1],
  ['garbage-slots-and-bucket', 'a garbage slot does not outweigh hundreds that agree', 40],
  ['moved-blocks-without-include', 'moved blocks are found whatever else is asked for', 79],
  ['header-lost-layout-tie', 'of two layouts that fit alike that of most machines counts', 6],
  ['header-lost-one-record', 'one record counts for more than what looks like an empty bucket', 1],
  ['three-bytes-before-and-inner-database', 'the outer database counts before one inside a value', 201],
  [
    'created-on-full-volume-4096',
    'an interrupted creation gives an empty database, with its header alone',
    0,
  ],
  ['created-on-full-volume-8192', 'an interrupted creation gives an empty database, with its directory', 0],
];

for (const [name, promise, records] of MENDED) {
  test(`${promise}: ${name}`, async (t) => {
    const { result, keys } = await repaired(t, await caseBytes(name));
    assert.equal(result.action, 'repaired', result.reason);
    assert.equal(keys.length, records);
    if (records === 0) assert.equal(result.lost.uncovered, 0);
    assert.equal(result.after?.libgdbm, null);
  });
}

testWith('libgdbm', 'libgdbm opens what each of these files is repaired to', async (t) => {
  const lib = new LibGdbm();
  t.after(() => lib.close());
  for (const [name, , records] of MENDED) {
    const { output } = await repaired(t, await caseBytes(name));
    assert.equal(await lib.count(output), records, name);
  }
});

test('the directory block of a Flower database erased: its one record is `events`', async (t) => {
  const { keys } = await repaired(t, await caseBytes('flower-directory-block-0xff'));
  assert.deepEqual(keys, ['events']);
});

test('a repair and one with --include stale see the same file', async (t) => {
  const bytes = await caseBytes('moved-blocks-without-include');
  const plain = await repaired(t, bytes);
  const more = await repaired(t, bytes, { include: ['stale'] });
  const found = ({ before }: RepairResult) => before.findings.map(({ code, offset }) => [code, offset]);
  assert.deepEqual(found(plain.result), found(more.result));
  assert.equal(plain.keys.length, more.keys.length);
});

/** Files that a repair refuses although they are databases. */
async function refusedFiles(): Promise<[string, Uint8Array][]> {
  const flower = await caseBytes('flower-directory-block-0xff');
  const zeroed = Uint8Array.from(flower).fill(0, 4096);
  return [
    ['its first 20 bytes', flower.subarray(0, 20)],
    ['its header and zero bytes', zeroed],
  ];
}

test('a check advises a repair only of what a repair does not refuse', async (t) => {
  for (const [what, bytes] of await refusedFiles()) {
    const { result } = await repaired(t, bytes);
    assert.equal(result.action, 'refused', what);
    const text = checkText('x.db', await check(memorySource(bytes)), {
      style: new Chalk({ level: 0 }),
      all: false,
    });
    assert.doesNotMatch(text, /To do: gdbm-doctor repair/, what);
    assert.match(text, /repair {7}refuses: /, what);
  }
});

test('nothing is found about fields that are not in the file', async () => {
  const bytes = (await caseBytes('flower-directory-block-0xff')).subarray(0, 20);
  const { findings } = await check(memorySource(bytes));
  assert.deepEqual(
    findings.filter(({ offset }) => offset !== null && offset >= bytes.length),
    [],
  );
});
