import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cli } from '../tools/cli.js';
import { temporaryFolder } from '../tools/folder.js';
import type { Step } from '../tools/libgdbm.js';
import { LibGdbm } from '../tools/libgdbm.js';
import { testWith } from '../tools/needs.js';

const text = (value: string) => new TextEncoder().encode(value);

/** 200 tasks; after the bucket was split 40 of them are replaced and 20 deleted. */
function history(): Step[] {
  const steps: Step[] = [];
  const store = (n: number, state: string) =>
    steps.push(['store', text(`task-${n}`), text(`${n} ${state}`.padEnd(90, '.'))]);
  for (let n = 0; n < 200; n++) store(n, 'PENDING');
  for (let n = 0; n < 40; n++) store(n, 'DONE');
  for (let n = 40; n < 60; n++) steps.push(['delete', text(`task-${n}`)]);
  return steps;
}

/** The bucket places that the directory of a 64-bit little-endian file names. */
function bucketsOf(bytes: Buffer): number[] {
  const dir = Number(bytes.readBigInt64LE(8));
  const size = bytes.readInt32LE(16);
  const entries = Array.from({ length: size / 8 }, (_, i) => Number(bytes.readBigInt64LE(dir + 8 * i)));
  return [...new Set(entries)].sort((a, b) => a - b);
}

const DAMAGES: Record<string, (bytes: Buffer, buckets: number[]) => Buffer> = {
  'cut where they begin': (bytes, [first]) => bytes.subarray(0, first),
  'overwritten by zeros': (bytes, buckets) => {
    for (const at of buckets) bytes.fill(0, at, at + 4096);
    return bytes;
  },
};

for (const [how, damage] of Object.entries(DAMAGES)) {
  testWith(
    'libgdbm',
    `records of older buckets are told as such where the buckets in force are ${how}`,
    async (t) => {
      const path = join(await temporaryFolder(t), 'tasks.db');
      const library = new LibGdbm();
      t.after(() => library.close());
      await library.create(path, history());
      const bytes = await readFile(path);
      await writeFile(path, damage(bytes, bucketsOf(bytes)));
      const limited = await cli(['repair', '--max-loss', '0', '-o', `${path}.none`, path]);
      assert.equal(limited.code, 1, limited.stdout);
      assert.match(limited.stdout, /how many would be cannot be told/);
      const { code, stdout } = await cli(['repair', '--findings', '-o', `${path}.out`, path]);
      assert.equal(code, 0, stdout);
      assert.match(stdout, /: REPAIRED, but records are missing\n/);
      assert.match(stdout, /missing +unknown/);
      assert.match(stdout, /kept +\d+ records, of older buckets: values may be outdated/);
      assert.match(stdout, /error buckets-lost/);
      assert.doesNotMatch(stdout, /byte for byte|directory-lost/);
    },
  );
}

testWith('libgdbm', 'the loss of a file that is cut off is told within a fifth', async (t) => {
  const folder = await temporaryFolder(t);
  const library = new LibGdbm();
  t.after(() => library.close());
  for (const count of [300, 500, 800, 1300]) {
    const path = join(folder, `${count}.db`);
    const steps = Array.from({ length: count }, (_, n): Step => [
      'store',
      text(`key-${n}`),
      text('v'.repeat(20 + ((n * 7) % 160))),
    ]);
    await library.create(path, steps);
    const whole = await readFile(path);
    for (const share of [0.6, 0.75]) {
      await writeFile(path, whole.subarray(0, whole.length * share));
      const { stdout } = await cli(['repair', '--json', '--dry-run', path]);
      const [{ kept, lostDetail }] = (
        JSON.parse(stdout) as { files: { kept: number; lostDetail: { missing: number | null } }[] }
      ).files;
      // A loss that cannot be told is none that is told wrongly.
      if (lostDetail.missing === null) continue;
      const lost = count - kept;
      assert.ok(
        Math.abs(lostDetail.missing - lost) <= count / 5,
        `${count}, ${share}: ${lostDetail.missing} of ${lost}`,
      );
    }
  }
});
