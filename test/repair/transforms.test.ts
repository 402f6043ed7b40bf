import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { Chalk } from 'chalk';
import fc from 'fast-check';
import { check } from '../../src/examine.js';
import { describeFormat } from '../../src/format/format.js';
import { repair } from '../../src/repair.js';
import type { RepairResult } from '../../src/repair/result.js';
import { checkText, repairText } from '../../src/report/text.js';
import { memorySource } from '../../src/source/source.js';
import { TRANSFORMS } from '../../src/source/transforms.js';
import type { KeyValue } from '../build/build.js';
import { build, heldBy, specFor } from '../build/build.js';
import { anyFormat, FORMATS } from '../format/formats.js';
import { cli } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { LibGdbm } from '../tools/libgdbm.js';
import { testWith } from '../tools/needs.js';
import { changed } from '../tools/transformed.js';
import { contentsOf } from '../torture/recover.js';

const PLAIN = { style: new Chalk({ level: 0 }), all: false };
const NAMES = TRANSFORMS.map(({ name }) => name);

/** Records whose keys and values have line ends of both kinds, letters of Latin-1 and any other bytes. */
function records(count: number): KeyValue[] {
  return Array.from({ length: count }, (_, i) => ({
    key: Buffer.from(`${i % 3 === 0 ? 'clé' : 'key'}:${i}${i % 7 === 0 ? '\r\n' : ''}`, 'latin1'),
    value: Buffer.concat([
      Buffer.from(`first\nsecond ${i}\r\n`.repeat(i % 5)),
      Buffer.from(Array.from({ length: i % 200 }, (_, n) => (n * 37 + i) % 256)),
    ]),
  }));
}

interface Outcome {
  readonly result: RepairResult;
  /** Contents of the fresh file. */
  readonly contents: ReadonlyMap<string, string>;
  readonly output: string;
}

async function repaired(t: TestContext, bytes: Uint8Array): Promise<Outcome> {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'state.db');
  const output = join(folder, 'fresh.db');
  await writeFile(path, bytes);
  const result = await repair(path, { output, lock: false });
  const isRepaired = result.action === 'repaired';
  return { result, output, contents: isRepaired ? await contentsOf(await readFile(output)) : new Map() };
}

for (const name of NAMES) {
  test(`${name}: a repair brings back every record of every format, and says first what was undone`, async (t) => {
    const all = records(150);
    for (const format of FORMATS) {
      const { bytes } = await build(all, specFor(format));
      const { result, contents } = await repaired(t, changed(name, bytes));
      assert.deepEqual(contents, heldBy(all), describeFormat(format));
      assert.deepEqual(
        result.before.undone?.map((one) => one.name),
        [name],
      );
      assert.match(
        repairText(result, PLAIN),
        /REPAIRED\n {2}undone {7}the whole file was changed: [^]*\n {2}missing {6}no record/,
      );
      assert.equal(result.after?.verdict, 'healthy');
    }
  });

  test(`${name}: any few records come back, or a repair refuses; none is wrong`, async (t) => {
    const value = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.stringMatching(/^[\r\né ]*$/).map((text) => Buffer.from(text)),
    );
    const key = fc.string({ minLength: 1, maxLength: 12 }).map((text) => Buffer.from(text));
    await fc.assert(
      fc.asyncProperty(
        anyFormat,
        fc.array(fc.record({ key, value }), { maxLength: 12 }),
        async (format, all) => {
          const { bytes } = await build(all, specFor(format));
          const held = heldBy(all);
          const { result, contents } = await repaired(t, changed(name, bytes));
          if (result.action === 'repaired') assert.deepEqual(contents, held);
          else assert.ok(Buffer.from(bytes).equals(changed(name, bytes)), result.reason);
        },
      ),
      { numRuns: 40 },
    );
  });

  testWith('libgdbm', `${name}: libgdbm reads what a file of its own is repaired to`, async (t) => {
    const lib = new LibGdbm();
    t.after(() => lib.close());
    const path = join(await temporaryFolder(t), 'made.db');
    await lib.create(
      path,
      records(300).map(({ key, value }) => ['store', key, value]),
    );
    const { output } = await repaired(t, changed(name, await readFile(path)));
    assert.deepEqual(await lib.walk(output), await lib.walk(path));
  });

  test(`${name}: damage of the changed file costs only the records that it hits`, async (t) => {
    const all = records(400);
    for (const format of FORMATS.filter(({ variant }) => variant === 'standard')) {
      const { bytes } = await build(all, specFor(format));
      const file = changed(name, bytes);
      file.fill(0xa5, 20_480, 20_992);
      const { contents } = await repaired(t, file);
      const held = heldBy(all);
      for (const [key, value] of contents) {
        if (!value.includes('\xa5\xa5\xa5\xa5')) assert.equal(value, held.get(key));
      }
      assert.ok(contents.size > 350, `${contents.size} records of ${describeFormat(format)}`);
    }
  });
}

const isSwap = (name: string) => /32|16/.test(name);

test('swapped bytes are told although a swapped value looks like a line end of a text', async (t) => {
  const format = {
    layout: { offsetBits: 32, alignment: 4 },
    byteOrder: 'little',
    variant: 'numsync',
  } as const;
  const all = [{ key: Buffer.from(' '), value: Buffer.from('\n\r') }];
  const { bytes } = await build(all, specFor(format));
  const { contents } = await repaired(t, changed('swap32', bytes));
  assert.deepEqual(contents, heldBy(all));
});

test('a file that was changed twice is undone twice', async (t) => {
  const all = records(200);
  for (const first of NAMES) {
    // Two of the three that swap are the third.
    for (const second of NAMES.filter((name) => !(isSwap(name) && isSwap(first)))) {
      const { bytes } = await build(all, specFor(FORMATS[0]));
      const { result, contents } = await repaired(t, changed(second, changed(first, bytes)));
      assert.deepEqual(contents, heldBy(all), `${first}, ${second}`);
      assert.equal(result.before.undone?.length, 2);
    }
  }
});

test('bytes before a database that was changed as a whole are left out', async (t) => {
  const all = records(200);
  for (const name of NAMES) {
    for (const before of [1, 3, 64, 511]) {
      const { bytes } = await build(all, specFor(FORMATS[0]));
      const { contents } = await repaired(
        t,
        changed(name, Buffer.concat([Buffer.alloc(before, 0x20), bytes])),
      );
      assert.deepEqual(contents, heldBy(all), `${before} bytes before ${name}`);
    }
  }
});

test('a database of which the header is lost is found though its bytes were swapped', async (t) => {
  const all = records(200);
  for (const name of NAMES) {
    const bytes = Buffer.from((await build(all, specFor(FORMATS[0]))).bytes).fill(0, 0, 512);
    const { contents } = await repaired(t, changed(name, bytes));
    assert.deepEqual(contents, heldBy(all), name);
  }
});

test('a swapped database in an archive, or without its beginning, is found', async (t) => {
  const all = records(200);
  for (const name of NAMES.filter(isSwap)) {
    const { bytes } = await build(all, specFor(FORMATS[0]));
    const archive = Buffer.concat([Buffer.alloc(2048, 'another file '), bytes, Buffer.alloc(1024)]);
    assert.deepEqual((await repaired(t, changed(name, archive))).contents, heldBy(all), name);
    const { contents } = await repaired(t, changed(name, bytes.subarray(512)));
    assert.deepEqual(contents, heldBy(all), name);
  }
});

test('a sound database with line ends of text mode only is healthy, and a damaged one keeps its values', async (t) => {
  const all = Array.from({ length: 300 }, (_, i) => ({
    key: Buffer.from(`page ${i}`),
    value: Buffer.from('HTTP/1.1 200 OK\r\nServer: déjà vu\r\n\r\n'.repeat(i % 9)),
  }));
  const bytes = Buffer.from((await build(all, specFor(FORMATS[0]))).bytes);
  assert.equal((await check(memorySource(bytes))).verdict, 'healthy');
  for (const [at, size] of [
    [0, 512],
    [512, 1024],
    [bytes.length - 600, 600],
  ]) {
    const damaged = Buffer.from(bytes).fill(0, at, at + size);
    const { result, contents } = await repaired(t, damaged);
    assert.equal(result.before.undone, undefined);
    const held = heldBy(all);
    for (const [key, value] of contents) assert.equal(value, held.get(key));
    assert.ok(contents.size > 200, `${contents.size}`);
  }
});

test('a value is not called whole where only the size of the file shows a copy in text mode', async (t) => {
  const all = [{ key: Buffer.from('events'), value: Buffer.from('one\ntwo') }];
  const { bytes } = await build(all, specFor(FORMATS[0], 4096));
  const { contents } = await repaired(t, changed('crlf', bytes));
  assert.deepEqual(contents, heldBy(all));
});

test('a file that was decoded as UTF-8 is refused, and the cause is named', async (t) => {
  const { bytes } = await build(records(300), specFor(FORMATS[0]));
  const { result } = await repaired(t, Buffer.from(Buffer.from(bytes).toString('utf8'), 'utf8'));
  assert.equal(result.action, 'refused');
  assert.match(result.reason ?? '', /decoded as UTF-8 text/);
});

test('every command that reads such a file tells of it, with offsets of the undone file', async (t) => {
  const path = join(await temporaryFolder(t), 'swab.db');
  const bytes = await readFile(fixture('../test/cases/swab.db'));
  await writeFile(path, bytes);
  const original = Buffer.from(bytes).swap16();
  assert.match(
    checkText(path, await check(memorySource(bytes)), PLAIN),
    /undone [^]*dd conv=swab[^]*To do: gdbm-doctor repair/,
  );
  for (const command of ['list', 'dump', 'salvage', 'inspect']) {
    const { code, stderr } = await cli([command, path]);
    assert.equal(code, 0, command);
    assert.match(
      stderr,
      /the bytes of each pair were swapped.*offsets are those of the file before/,
      command,
    );
  }
  const { stdout } = await cli(['salvage', '--json', path]);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { kind: string; key: string; offset: number });
  assert.equal(lines[0].kind, 'undone');
  for (const { key, offset } of lines.filter(({ kind }) => kind === 'record')) {
    const expected = Buffer.from(key, 'base64');
    assert.deepEqual(original.subarray(offset, offset + expected.length), expected);
  }
  const [, { key, offset }] = lines;
  const at = await cli(['inspect', path, 'at', `${offset}`]);
  assert.match(at.stdout, /its key/);
  assert.ok(at.stdout.includes(Buffer.from(key, 'base64').toString().slice(0, 8)));
});
