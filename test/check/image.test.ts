import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import type { FoundDatabase } from '../../src/database/databases.js';
import { databasesIn } from '../../src/database/databases.js';
import { identifySource } from '../../src/database/identify.js';
import { check } from '../../src/examine.js';
import type { ByteOrder } from '../../src/format/format.js';
import { LAYOUTS, offsetSize } from '../../src/format/format.js';
import { decodeHeader, headerStruct } from '../../src/format/header.js';
import { member, writeOffset } from '../../src/format/struct.js';
import { repair } from '../../src/repair.js';
import { memorySource } from '../../src/source/source.js';
import type { Source } from '../../src/source/source.js';
import { build, specFor } from '../build/build.js';
import { cli, joined } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import type { Step } from '../tools/libgdbm.js';
import { LibGdbm } from '../tools/libgdbm.js';
import { testWith } from '../tools/needs.js';

const FORMAT = { byteOrder: 'little', layout: LAYOUTS[0], variant: 'standard' } as const;

/** A database of so many records, with more of any bytes. */
async function database(name: string, records: number, more: Uint8Array[] = [], format = FORMAT) {
  const all = Array.from({ length: records }, (_, i) => ({
    key: Buffer.from(`${name}:${i}`),
    value: Buffer.from(`value ${i} of ${name} `.repeat(1 + (i % 5))),
  }));
  const others = more.map((value, i) => ({ key: Buffer.from(`attachment ${i} of ${name}`), value }));
  return (await build([...all, ...others], specFor(format))).bytes;
}

async function found(source: Source): Promise<FoundDatabase[]> {
  const all = [];
  for await (const one of databasesIn(source)) all.push(one);
  return all;
}

async function codesOf(bytes: Uint8Array): Promise<string[]> {
  const { findings, verdict } = await check(memorySource(bytes));
  return [verdict, ...findings.filter(({ severity }) => severity === 'error').map(({ code }) => code)];
}

/** A header of a tar archive, as far as it is looked at. */
function tarHeader(): Uint8Array {
  const bytes = new Uint8Array(512);
  bytes.set(Buffer.from('flower.db'), 0);
  bytes.set(Buffer.from('ustar\0'), 257);
  return bytes;
}

test('databases of every format are found at any offset, and none that another one holds', async () => {
  const parts: Uint8Array[] = [];
  const places: [number, number][] = [];
  let size = 0;
  const add = (bytes: Uint8Array) => {
    parts.push(bytes);
    size += bytes.length;
  };
  const inner = await database('inner', 20);
  for (const byteOrder of ['little', 'big'] as ByteOrder[]) {
    for (const layout of LAYOUTS) {
      add(new Uint8Array(7 + parts.length).fill(0x57));
      const bytes = (
        await build(
          [{ key: Buffer.from('a'), value: inner }],
          specFor({ byteOrder, layout, variant: 'numsync' }, 512, 3),
        )
      ).bytes;
      places.push([size, bytes.length]);
      add(bytes);
    }
  }
  const all = await found(memorySource(Buffer.concat(parts)));
  assert.deepEqual(
    all.map(({ offset, size: bytes }) => [offset, bytes]),
    places,
  );
  assert.ok(all.every(({ isWhole }) => isWhole));
});

test('a database behind the first 64 MiB is found', async () => {
  const bytes = await database('far', 30);
  const start = (70 << 20) + 3;
  const source: Source = {
    size: start + bytes.length,
    read(offset, length) {
      const piece = new Uint8Array(length);
      const from = Math.max(offset, start);
      if (from < offset + length)
        piece.set(bytes.subarray(from - start, offset + length - start), from - offset);
      return Promise.resolve(piece);
    },
  };
  assert.deepEqual(
    (await found(source)).map(({ offset, size, isWhole }) => [offset, size, isWhole]),
    [[start, bytes.length, true]],
  );
});

testWith('flock', 'two databases one behind the other are not made one', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'both.db');
  const one = await database('one', 40);
  const both = Buffer.concat([one, await database('two', 60)]);
  await writeFile(path, both);
  const checked = await cli(['check', '--findings', path]);
  assert.equal(checked.code, 1);
  assert.match(joined(checked.stdout), new RegExp(`looks like an image: 2 databases at 0 and ${one.length}`));
  assert.match(joined(checked.stdout), /To do: gdbm-doctor repair -o \S+\.repaired /);
  const refused = await cli(['repair', path]);
  assert.equal(refused.code, 2);
  assert.match(joined(refused.stdout), /NOT REPAIRED .*2 databases at 0 and/);
  assert.deepEqual(await readdir(folder), ['both.db']);
  assert.deepEqual(await readFile(path), both);

  const output = join(folder, 'out.db');
  const { action, kept, notes } = await repair(path, { lock: false, output });
  assert.deepEqual([action, kept], ['repaired', 40]);
  assert.match(notes.join(), /only the one at 0 is kept/);
});

testWith('flock', 'of an image of several databases none is taken for it', async (t) => {
  const path = join(await temporaryFolder(t), 'image');
  const parts = [tarHeader(), await database('a', 40), tarHeader(), await database('b', 400)];
  await writeFile(path, Buffer.concat(parts));
  const places = `2 databases at 512 and ${parts[0].length + parts[1].length + 512}`;
  for (const command of ['check', 'repair', 'salvage']) {
    const { code, stdout, stderr } = await cli([command, path]);
    assert.equal(code, 2, command);
    assert.match(stdout + stderr, new RegExp(`a tar archive: ${places}`), command);
  }
});

testWith('flock', 'one database in an image is written elsewhere, and not in its place', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'image');
  const bytes = await database('a', 200);
  const around = Buffer.alloc(bytes.length, 'other files ');
  await writeFile(path, Buffer.concat([around, bytes, around]));
  const refused = await repair(path, { lock: false });
  assert.equal(refused.action, 'refused');
  assert.match(
    refused.reason!,
    new RegExp(`1 database at ${bytes.length}, with ${2 * bytes.length} other bytes`),
  );
  const { kept, action } = await repair(path, { lock: false, output: join(folder, 'out.db') });
  assert.deepEqual([action, kept], ['repaired', 200]);
});

test('a database in the value of a record does not make an image', async () => {
  const bytes = await database('mail', 300, [await database('in', 20), await database('in too', 90)]);
  assert.deepEqual(await codesOf(bytes), ['healthy']);
  const damaged = (at: number, ...values: number[]) => {
    const copy = Uint8Array.from(bytes);
    copy.set(values, at);
    return copy;
  };
  assert.deepEqual(await codesOf(damaged(0, ...new Uint8Array(512))), ['damaged', 'header-lost']);
  assert.deepEqual(await codesOf(damaged(0, 1)), ['damaged', 'header-magic']);
  const longer = Buffer.concat([bytes, new Uint8Array(50_000)]);
  assert.deepEqual(await codesOf(longer), ['damaged', 'header-next-block-low']);
  const low = await codesOf(damaged(32, 0, 8, 0, 0));
  assert.ok(low.includes('header-next-block-low') && !low.includes('image'), String(low));
});

test('bytes before a database with another one in a value are no image', async () => {
  const bytes = await readFile(fixture('../test/cases/three-bytes-before-and-inner-database.db'));
  const { records, findings } = await check(memorySource(bytes));
  assert.equal(records.count, 201);
  assert.ok(!findings.some(({ code }) => code === 'image'));
});

testWith('libgdbm', 'what an older copy behind a database holds is no deleted record of it', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'state.db');
  const lib = new LibGdbm();
  const stored = Array.from({ length: 300 }, (_, i): Step => [
    'store',
    Buffer.from(`k${i}`),
    Buffer.from(`v${i}`.repeat(9)),
  ]);
  await lib.create(path, stored, { blockSize: 512 });
  const older = await readFile(path);
  const changes = Array.from({ length: 200 }, (_, i): Step =>
    i % 2 === 0 ? ['delete', Buffer.from(`k${i}`)] : ['store', Buffer.from(`k${i}`), Buffer.from('new')],
  );
  await lib.change(path, changes);
  lib.close();
  const newer = await readFile(path);
  const both = join(folder, 'both.db');
  await writeFile(both, Buffer.concat([newer, older]));
  const listed = async (file: string) => {
    const { stdout } = await cli(['salvage', '--deleted', '--json', file]);
    const lines = stdout.trim().split('\n');
    const all = lines.map(
      (line) => JSON.parse(line) as { offset: number; keySize: number; provenance: string },
    );
    return all.map(({ offset, keySize, provenance }) => `${offset} ${keySize} ${provenance}`).sort();
  };
  assert.deepEqual(await listed(both), await listed(path));
});

test('where a search ends before the file does, the text says so', async () => {
  const same = (size: number): Source => ({
    size,
    read: (_, length) => Promise.resolve(new Uint8Array(length).fill(0xa5)),
  });
  const { what } = await identifySource(same(65 << 20));
  assert.match(what, /buckets without a header in the first 64 MiB/);
  assert.doesNotMatch((await identifySource(same(1 << 20))).what, /64 MiB/);
});

test('a header with any bucket size, whose directory leads beyond the end, is followed without an error', async () => {
  const bytes = await database('flower', 10);
  const { layout, byteOrder } = FORMAT;
  const header = decodeHeader(bytes, layout, byteOrder);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = header.dir; at < header.dir + header.dir_size; at += offsetSize(layout))
    writeOffset(view, at, bytes.length + 4096, layout, true);
  for (const size of [-0x80000000, -(2 * bytes.length), -4096, 0, 8, 0x7fffffff]) {
    view.setInt32(member(headerStruct(layout), 'bucket_size').offset, size, true);
    for await (const { isWhole } of databasesIn(memorySource(bytes))) assert.ok(!isWhole, `${size}`);
  }
});
