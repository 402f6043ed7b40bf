import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { openDatabase } from '../../src/database/database.js';
import { readRecords } from '../../src/records.js';
import { repair } from '../../src/repair/repair.js';
import { memorySource } from '../../src/source/memory.js';
import { cli } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';

const damagedCase = (name: string) => fixture(`../test/cases/${name}`);

/** What a sound database holds, key to value, both base64. */
async function contentsOf(path: string): Promise<Map<string, string>> {
  const db = await openDatabase(memorySource(await readFile(path)));
  const held = new Map<string, string>();
  for await (const { key, readValue } of readRecords(db!)) held.set(base64(key), base64(await readValue()));
  return held;
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

test('no value comes back that goes on in a block whose place nothing proves', async (t) => {
  const path = damagedCase('extents-swapped.db');
  const folder = await temporaryFolder(t);
  const output = join(folder, 'fixed.db');
  const quarantine = join(folder, 'quarantine.ndjson');
  const result = await repair(path, { output, quarantine, lock: false });
  assert.equal(result.action, 'repaired');
  const truth = await contentsOf(damagedCase('truth-for-extents-and-sectors.db'));
  const held = await contentsOf(output);
  for (const [key, value] of held) assert.equal(value, truth.get(key), Buffer.from(key, 'base64').toString());
  // 46 of the 60 are physically whole, and more can be put together.
  assert.ok(held.size >= 46, `${held.size} records`);
  const doubtful = result.lost.reasons['unproved-place'];
  assert.ok(doubtful > 0);
  const lines = (await readFile(quarantine, 'utf8')).trim().split('\n');
  assert.equal(lines.filter((line) => line.includes('"reason":"unproved-place"')).length, doubtful);
  assert.equal((await cli(['check', output])).code, 0);
});

test('dump and get give no value that a repair would not keep', async () => {
  const path = damagedCase('extents-swapped.db');
  const truth = await contentsOf(damagedCase('truth-for-extents-and-sectors.db'));
  const dumped = (await cli(['dump', path])).stdout.trim().split('\n');
  assert.ok(dumped.length >= 46);
  for (const line of dumped) {
    const { key, value } = JSON.parse(line) as { key: string; value: string };
    assert.equal(value, truth.get(key));
  }
  const given = new Set(dumped.map((line) => (JSON.parse(line) as { key: string }).key));
  const [left] = [...truth.keys()].filter((key) => !given.has(key));
  const { code, stdout } = await cli(['get', '--key-encoding', 'base64', path, left]);
  assert.deepEqual([code, stdout], [1, '']);
});
