import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { openDatabase } from '../../src/database/database.js';
import { readRecords } from '../../src/read/records.js';
import { repair } from '../../src/repair.js';
import { memorySource } from '../../src/source/source.js';
import { build, specFor } from '../build/build.js';
import { FORMATS } from '../format/formats.js';
import { cli, joined } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { Random } from '../tools/random.js';

const damagedCase = (name: string) => fixture(`../test/cases/${name}`);

/** Contents of a sound database: key to value, both base64. */
async function contentsOf(path: string): Promise<Map<string, string>> {
  const db = await openDatabase(memorySource(await readFile(path)));
  const held = new Map<string, string>();
  for await (const { key, readValue } of readRecords(db!)) held.set(base64(key), base64(await readValue()));
  return held;
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

test('of a file in which extents changed places every value comes back, by every command', async (t) => {
  const path = damagedCase('extents-swapped.db');
  const output = join(await temporaryFolder(t), 'fixed.db');
  const result = await repair(path, { output, lock: false });
  assert.equal(result.action, 'repaired');
  const truth = await contentsOf(damagedCase('truth-for-extents-and-sectors.db'));
  assert.deepEqual(await contentsOf(output), truth);
  assert.equal((await cli(['check', output])).code, 0);
  const dumped = (await cli(['dump', path])).stdout.trim().split('\n');
  const pairs = dumped.map((line) => JSON.parse(line) as { key: string; value: string });
  assert.deepEqual(new Map(pairs.map(({ key, value }) => [key, value])), truth);
});

const RECORDS = 400;
const BLOCK = 4096;
/** Offsets in a bucket with 64-bit offsets, and bytes of an element. */
const [BITS, COUNT, ELEMENTS, ELEMENT] = [104, 108, 112, 24];

/** A database of many records, and the buckets of it. */
async function manyRecords(valueSize: number) {
  const random = new Random(22);
  const records = Array.from({ length: RECORDS }, (_, n) => ({
    key: Buffer.from(`record-${String(n).padStart(4, '0')}`),
    value: random.bytes(valueSize),
  }));
  const { bytes } = await build(records, specFor(FORMATS[0], BLOCK));
  const db = await openDatabase(memorySource(bytes));
  const values = new Map(records.map(({ key, value }) => [base64(key), base64(value)]));
  return { bytes: Buffer.from(bytes), buckets: [...new Set(db!.directory)], values };
}

/** A database one of whose buckets is lost, and is there only as it was before it was split. */
async function withOldBucket() {
  const { bytes, buckets } = await manyRecords(20);
  const [lost, other] = buckets;
  const old = Buffer.from(bytes.subarray(lost, lost + BLOCK));
  const records = old.readInt32LE(COUNT);
  // Some records of the other half, so that it cannot be the bucket itself.
  let count = records;
  for (let at = ELEMENTS; at + ELEMENT <= BLOCK && count < records + 20; at += ELEMENT) {
    if (old.readInt32LE(at) !== -1 || bytes.readInt32LE(other + at) === -1) continue;
    bytes.copy(old, at, other + at, other + at + ELEMENT);
    count++;
  }
  old.writeInt32LE(count, COUNT);
  old.writeInt32LE(old.readInt32LE(BITS) - 1, BITS);
  bytes.fill(0, lost, lost + BLOCK);
  return { bytes: Buffer.concat([bytes, old]), records };
}

test('a loss is one number, and what of it can be had is named with the command', async (t) => {
  const path = join(await temporaryFolder(t), 'state.db');
  const { bytes, records } = await withOldBucket();
  await writeFile(path, bytes);
  const { stdout } = await cli(['repair', '--no-lock', '--dry-run', '--no-stale', path]);
  const told =
    /missing about (\d+) of (\d+) records (\d+) of them can be had: (\S+ repair \S+ \S+ \S+) /.exec(
      joined(stdout),
    );
  assert.ok(told, stdout);
  const [missing, all, had] = told.slice(1, 4).map(Number);
  assert.ok(Math.abs(all - RECORDS) < 0.1 * RECORDS && Math.abs(missing - records) < 0.5 * records, stdout);
  assert.equal(had, records);
  assert.equal(told[4], `gdbm-doctor repair --include stale ${path}`);
  assert.doesNotMatch(stdout, /byte for byte/);
  // The estimate and the limit know what is brought back; an older state counts as lost unless it is asked for.
  const [limit, output] = [['--max-loss', '5%'], `${path}.fresh`];
  assert.equal((await cli(['repair', '--no-lock', ...limit, '-o', output, path])).code, 1);
  const included = await cli(['repair', '--no-lock', '--include', 'stale', ...limit, '-o', output, path]);
  assert.equal(included.code, 0, included.stdout);
  assert.doesNotMatch(included.stdout, /can be had/);
  assert.equal((await contentsOf(output)).size, RECORDS);
});

test('where a bucket is lost its older state comes back, and a repair says so before what it lacks', async (t) => {
  const path = join(await temporaryFolder(t), 'state.db');
  const { bytes, records } = await withOldBucket();
  await writeFile(path, bytes);
  const dry = await cli(['repair', '--no-lock', '--dry-run', path]);
  const older = new RegExp(`  older +${records} records would come from an older state[^]*  missing`);
  assert.match(dry.stdout, older);
  const output = `${path}.fresh`;
  const { stdout } = await cli(['repair', '--no-lock', '--json', '-o', output, path]);
  const [report] = (JSON.parse(stdout) as { files: { olderState: number; kept: number }[] }).files;
  assert.deepEqual([report.olderState, report.kept], [records, RECORDS]);
  assert.equal((await contentsOf(output)).size, RECORDS);
});

test('after a repair in place the command for the rest names the backup', async (t) => {
  const path = join(await temporaryFolder(t), 'state.db');
  await writeFile(path, (await withOldBucket()).bytes);
  const { stdout } = await cli(['repair', '--no-lock', '--no-stale', path]);
  const [, quoted] = /can be had:\s+gdbm-doctor (.+)$/m.exec(stdout) ?? [];
  const command = quoted.replaceAll("'", '');
  assert.equal(command, `repair --include stale ${path}.~1~ -o ${path}.more`, stdout);
  assert.equal((await cli([...command.split(' '), '--no-lock'])).code, 0);
  assert.equal((await contentsOf(`${path}.more`)).size, RECORDS);
});

for (const { kind, damage } of [
  {
    kind: 'single bits',
    damage: (bytes: Buffer, random: Random) => {
      for (let n = 0; n < 300; n++) bytes[8192 + random.below(bytes.length - 8192)] ^= 1 << random.below(8);
    },
  },
  {
    kind: 'whole sectors',
    damage: (bytes: Buffer, random: Random) => {
      for (let n = 0; n < 60; n++) {
        const at = 8192 + 512 * random.below((bytes.length - 8192) / 512);
        bytes.fill(0, at, at + 512);
      }
    },
  },
]) {
  test(`where keys lost their hash by ${kind}, the damaged values among those kept are estimated`, async (t) => {
    const path = join(await temporaryFolder(t), 'state.db');
    const { bytes, values } = await manyRecords(700);
    damage(bytes, new Random(7));
    await writeFile(path, bytes);
    const result = await repair(path, { output: `${path}.fresh`, lock: false });
    let wrong = 0;
    for (const [key, value] of await contentsOf(`${path}.fresh`)) if (values.get(key) !== value) wrong++;
    const { likelyDamaged } = result.lost;
    assert.ok(
      wrong > 20 && likelyDamaged > wrong / 2 && likelyDamaged < wrong * 2,
      `${likelyDamaged} of ${wrong}`,
    );
    const limited = await cli(['repair', '--no-lock', '--max-loss', String(result.lost.records), path]);
    assert.equal(limited.code, 1, 'they count for the limit');
    assert.match(
      joined(limited.stdout),
      new RegExp(`about ${likelyDamaged} of the others have a damaged value`),
    );
  });
}

test('a whole page that is lost says nothing of values in other pages', async (t) => {
  const path = join(await temporaryFolder(t), 'state.db');
  const { bytes } = await manyRecords(60);
  // The page of a record, and no bucket's.
  const page = BLOCK * Math.floor(bytes.indexOf('record-0200') / BLOCK);
  bytes.fill(0, page, page + BLOCK);
  await writeFile(path, bytes);
  const { lost } = await repair(path, { output: `${path}.fresh`, lock: false });
  assert.ok(lost.records > 20, JSON.stringify(lost));
  // One value goes on in the lost page.
  assert.ok(lost.likelyDamaged <= 1, JSON.stringify(lost));
});
