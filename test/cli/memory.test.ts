import assert from 'node:assert/strict';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { DatabaseBuilder } from '../../src/write/builder.js';
import { FreshFile } from '../../src/store/fresh.js';
import { placeFile } from '../../src/store/replace.js';
import type { LargeDamage } from '../bench/damage.js';
import { damagedCopy, DAMAGES } from '../bench/damage.js';
import { sample, SWEEP } from '../tools/effort.js';
import { temporaryFolder } from '../tools/folder.js';
import { runMeasured } from '../tools/measured.js';
import { NATIVE } from '../torture/databases.js';

/*
 * A tool that runs beside a service must not take the memory that the service needs: a command has a fixed amount,
 * whatever the size of the file.
 */

/**
 * MiB of the resident set, of which the engine itself takes some 40; the project's limit for any file and command is 192,
 * and 96 for a file of 100 MB, from which the moments of garbage collection may differ by 16.
 */
const MOST = SWEEP ? 144 : 112;
/** A database of 300 MB in a sweep, else of 60 MB and few records, which take less time. */
const RECORDS = SWEEP ? 600_000 : 26_000;
const VALUE = SWEEP ? 500 : 2250;

async function largeDatabase(path: string): Promise<void> {
  const fresh = await FreshFile.createBeside(path);
  const builder = new DatabaseBuilder(fresh, { format: NATIVE, blockSize: 4096, bucketSize: 4096 });
  const count = 4000;
  const keySizes = new Int32Array(count).fill(12);
  const dataSizes = new Int32Array(count).fill(VALUE);
  const bytes = Buffer.alloc(count * (12 + VALUE), 'value ');
  for (let n = 0; n < RECORDS; n += count) {
    for (let i = 0; i < count; i++) bytes.write(String(n + i).padStart(12, 'key-'), i * (12 + VALUE));
    await builder.addRun({ bytes, keySizes, dataSizes }, 0, count, 0, 'signed');
  }
  await builder.finish();
  await placeFile(fresh, path);
  await fresh.close();
}

test('no command takes more memory for a large file than it may, sound and damaged', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'large.db');
  await largeDatabase(path);
  assert.ok((await stat(path)).size > RECORDS * VALUE);
  const dump = join(folder, 'large.dump');
  const fresh = join(folder, 'fresh.db');
  const measure = async (what: string, args: readonly string[], code: number) => {
    const { peak, ...ran } = await runMeasured(args);
    t.diagnostic(`${args[0]}, ${what}: ${peak.toFixed(0)} MiB`);
    assert.equal(ran.code, code, `${args[0]}, ${what}: ${ran.stderr}`);
    assert.ok(peak > 30 && peak <= MOST, `${args[0]}, ${what}: expected at most ${MOST} MiB, found ${peak}`);
  };
  // Without a lock, which needs a program that not every machine has.
  const repair = (file: string) => ['repair', '--no-lock', '-o', fresh, file];
  await measure('sound', ['check', path], 0);
  await measure('sound', repair(path), 0);
  await measure('sound', ['dump', '--format', 'ascii', path, dump], 0);
  const loaded = join(folder, 'loaded.db');
  await measure('sound', ['load', dump, loaded], 0);
  await measure('sound', ['diff', path, loaded], 0);
  await measure('sound', ['list', path], 0);
  if (SWEEP) {
    await measure('sound', ['get', path, 'key-key-k777'], 0);
    await measure('sound', ['salvage', path], 0);
  }
  await measure('sound, also old ones', ['salvage', '--deleted', path], 0);
  await measure('map', ['inspect', path, 'map', '--all'], 0);
  await measure('as a page', ['report', path, '--html', join(folder, 'page.html')], 0);
  await Promise.all([rm(dump), rm(loaded)]);
  const damaged = join(folder, 'damaged.db');
  for (const what of sample(Object.keys(DAMAGES) as LargeDamage[], 2)) {
    await damagedCopy(path, damaged, what);
    await measure(what, ['check', damaged], 1);
    await rm(fresh);
    await measure(what, repair(damaged), 0);
    const loses = what !== 'the directory lost' && what !== 'the header lost';
    await measure(what, ['dump', '--format', 'ascii', damaged, dump], loses ? 1 : 0);
    await rm(dump);
  }
});
