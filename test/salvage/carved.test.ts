import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { openDatabase } from '../../src/database/database.js';
import { encodeAvailBlock, headerAvailSize } from '../../src/format/avail.js';
import { decodeHeader, encodeHeader, headerAvailOffset } from '../../src/format/header.js';
import { repair } from '../../src/repair.js';
import { cli } from '../tools/cli.js';
import { temporaryFolder } from '../tools/folder.js';
import { contentsOf } from '../torture/recover.js';
import { memorySource } from '../../src/source/source.js';
import { build, specFor } from '../build/build.js';
import { FORMATS } from '../format/formats.js';

/** A string as Python pickles it by protocol 4: header, frame, SHORT_BINUNICODE, MEMOIZE, STOP. */
function pickled(text: string): Buffer {
  const body = Buffer.concat([
    Buffer.from([0x8c, text.length]),
    Buffer.from(text, 'latin1'),
    Buffer.from([0x94, 0x2e]),
  ]);
  const frame = Buffer.alloc(8);
  frame.writeBigUInt64LE(BigInt(body.length));
  return Buffer.concat([Buffer.from([0x80, 4, 0x95]), frame, body]);
}

/** A database of pickles, with the file offsets of its buckets. */
async function withBuckets(t: TestContext) {
  const stored = new Map<string, Buffer>([['events', pickled('state of Flower')]]);
  for (let n = 0; n < 40; n++) stored.set(`task-${n}`, pickled(`result ${n} `.repeat(1 + (n % 9))));
  const records = [...stored].map(([key, value]) => ({ key: Buffer.from(key), value }));
  const { bytes } = await build(records, specFor(FORMATS[0]));
  const db = await openDatabase(memorySource(bytes));
  return {
    stored,
    bytes,
    buckets: [...new Set(db!.directory)],
    path: join(await temporaryFolder(t), 'state.db'),
  };
}

/** The same with all its buckets wiped. */
async function withoutBuckets(t: TestContext): Promise<{ path: string; stored: Map<string, Buffer> }> {
  const { path, stored, bytes, buckets } = await withBuckets(t);
  for (const at of buckets) bytes.fill(0, at, at + 512);
  await writeFile(path, bytes);
  return { path, stored };
}

test('without any bucket, values come back by their shape with the keys that are expected, byte for byte', async (t) => {
  const { path, stored } = await withoutBuckets(t);
  const refused = await repair(path, { lock: false });
  assert.equal(refused.action, 'refused');
  assert.match(refused.reason!, /1 values were found by their shape/);

  const expectKeys = ['task-7', 'task-12', 'nobody'].map((key) => Buffer.from(key));
  const output = `${path}.fresh`;
  const result = await repair(path, { lock: false, output, include: ['carved'], expectKeys });
  assert.equal(result.action, 'repaired');
  assert.equal(result.found.carved, stored.size);
  const fresh = await contentsOf(await readFile(output));
  // Flower's own key needs not be told; the others' names nobody knows any more.
  assert.deepEqual([...fresh.keys()].sort(), ['events', 'task-12', 'task-7']);
  for (const [key, value] of fresh) assert.equal(value, stored.get(key)!.toString('latin1'));
});

test('of a file of which nothing else is left, values come back by their shape with the keys that are expected', async (t) => {
  const { path, stored, bytes, buckets } = await withBuckets(t);
  // The header and the directory, too: nothing tells how it is to be read.
  const { offset } = (await openDatabase(memorySource(bytes)))!.geometry.directory!;
  for (const at of [0, offset, ...buckets]) bytes.fill(0, at, at + 512);
  await writeFile(path, bytes);
  const checked = await cli(['check', path]);
  assert.equal(checked.code, 2);
  assert.match(checked.stdout, /NOT A GDBM DATABASE[^]*salvage --carve/);
  const listed = await cli(['salvage', '--carve', '--expect-key', 'task-7', '--json', path]);
  const found = listed.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { key: string | null; valueSize: number });
  assert.equal(found.length, stored.size);
  assert.deepEqual(
    found
      .filter(({ key }) => key !== null)
      .map(({ key }) => Buffer.from(key!, 'base64').toString())
      .sort(),
    ['events', 'task-7'],
  );

  assert.equal((await repair(path, { lock: false })).action, 'refused');
  const output = `${path}.fresh`;
  const result = await repair(path, {
    lock: false,
    output,
    include: ['carved'],
    expectKeys: [Buffer.from('task-7')],
  });
  assert.deepEqual([result.action, result.kept, result.added?.carved], ['repaired', 2, 2]);
  assert.deepEqual([result.lost.uncovered, result.lost.estimated], [1, null]);
  const fresh = await contentsOf(await readFile(output));
  assert.deepEqual([...fresh.keys()].sort(), ['events', 'task-7']);
  for (const [key, value] of fresh) assert.equal(value, stored.get(key)!.toString('latin1'));
  // A file that says that it is something else is none of ours.
  await writeFile(path, Buffer.concat([Buffer.from('SQLite format 3\0'), bytes.subarray(16)]));
  assert.equal((await repair(path, { lock: false, include: ['carved'] })).action, 'refused');
});

test('of two values behind one key the one whose space is free is the older one, though it is behind', async (t) => {
  const { path, stored, bytes, buckets } = await withBuckets(t);
  for (const at of buckets) bytes.fill(0, at, at + 512);
  const older = Buffer.concat([Buffer.from('events'), pickled('what was replaced')]);
  const all = new Uint8Array(bytes.length + 512);
  all.set(bytes);
  all.set(older, bytes.length);
  const { layout } = FORMATS[0];
  const header = decodeHeader(all, layout, 'little');
  all.set(encodeHeader({ ...header, next_block: all.length }, layout, 'little'), 0);
  const size = headerAvailSize(FORMATS[0], header.block_size);
  const table = [{ av_size: 512, av_adr: bytes.length }];
  const avail = { size, count: 1, next_block: 0, table };
  encodeAvailBlock(avail, layout, 'little', all, headerAvailOffset(FORMATS[0]));
  await writeFile(path, all);
  const output = `${path}.fresh`;
  const { found } = await repair(path, { lock: false, output, include: ['carved'] });
  assert.equal(found.carved, stored.size + 1);
  const fresh = await contentsOf(await readFile(output));
  assert.deepEqual([...fresh], [['events', stored.get('events')!.toString('latin1')]]);
});

test('what is carved goes to the quarantine with the bytes before it, which end with the key', async (t) => {
  const { path, stored } = await withoutBuckets(t);
  const quarantine = `${path}.ndjson`;
  await repair(path, { lock: false, output: `${path}.x`, include: ['carved'], quarantine });
  const lines = (await readFile(quarantine, 'utf8')).trim().split('\n');
  const found = new Map<string, string>();
  for (const line of lines) {
    const { provenance, key, before, value } = JSON.parse(line) as Record<string, string>;
    assert.equal(provenance, 'carved');
    const text = (base64: string) => Buffer.from(base64, 'base64').toString('latin1');
    found.set(text(key ?? before), text(value));
  }
  // That one is in the fresh database.
  assert.ok(!found.has('events'));
  stored.delete('events');
  for (const [key, value] of stored) {
    const named = [...found].filter(([before]) => before.endsWith(key)).map(([, one]) => one);
    assert.ok(named.includes(value.toString('latin1')), key);
  }
});

test('a carved copy never takes the place of a record in force', async (t) => {
  const { path, stored, bytes, buckets } = await withBuckets(t);
  // One bucket is lost, so that values are looked for; old copies of every record stand behind the end.
  bytes.fill(0, buckets[0], buckets[0] + 512);
  const old = [...stored.keys()].map((key) => Buffer.concat([Buffer.from(key), pickled('an older state')]));
  await writeFile(path, Buffer.concat([bytes, ...old]));
  const plain = await repair(path, { lock: false, output: `${path}.plain` });
  const output = `${path}.fresh`;
  const result = await repair(path, { lock: false, output, include: ['carved'] });
  assert.ok(result.carvedWithKey >= plain.kept, 'each old copy of a record in force has a known key');
  const inForce = await contentsOf(await readFile(`${path}.plain`));
  const fresh = await contentsOf(await readFile(output));
  assert.ok(inForce.size > 0 && inForce.size < stored.size);
  for (const [key, value] of inForce) assert.equal(fresh.get(key), value, key);
});

test('salvage --carve lists values without elements, for people and for programs', async (t) => {
  const { path, stored } = await withoutBuckets(t);
  const text = await cli(['salvage', '--carve', '--expect-key', 'task-3', path]);
  assert.equal(text.code, 0, text.stderr);
  assert.match(text.stdout, /^carved .* bytes at \d+ {2}task-3$/m);
  assert.match(text.stdout, /a pickle, key not known/);
  const json = await cli([
    'salvage',
    '--carve',
    '--json',
    '--expect-key',
    'task-3',
    '--expect-key',
    'task-4',
    path,
  ]);
  const lines = json.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { key: string | null; shape: string });
  assert.equal(lines.length, stored.size);
  const keys = lines.flatMap(({ key }) => (key === null ? [] : [Buffer.from(key, 'base64').toString()]));
  assert.deepEqual(keys.sort(), ['events', 'task-3', 'task-4']);
});
