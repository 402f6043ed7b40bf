/*
 * A repair is never worse than doing nothing: whatever a lookup by the real library gives right from a damaged file is in the
 * repaired one. A longer run: LOOKUPS=2000 SEED=3 node --import tsx test/run.ts torture/lookups
 */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../tools/folder.js';
import type { Step } from '../tools/libgdbm.js';
import { LibGdbm } from '../tools/libgdbm.js';
import { testWith } from '../tools/needs.js';
import { Random } from '../tools/random.js';
import { check } from '../../src/examine.js';
import { memorySource } from '../../src/source/source.js';
import { latin1 } from './life.js';
import { recover } from './recover.js';

const TRIALS = Number(process.env['LOOKUPS'] ?? 40);
const SEED = Number(process.env['SEED'] ?? 22);
const SECTOR = 512;

/** A sound file, and what it holds. */
interface Sound {
  readonly bytes: Uint8Array;
  readonly truth: ReadonlyMap<string, string>;
}

/** One to three hits: sectors of zeroes, of 0xFF, of another sector or of random bytes, and single bytes. */
function damage(bytes: Uint8Array, random: Random): Uint8Array {
  const damaged = bytes.slice();
  const sectors = Math.floor(bytes.length / SECTOR);
  for (let hits = 1 + random.below(3); hits > 0; hits--) {
    const at = SECTOR * random.below(sectors);
    const kind = random.below(5);
    if (kind === 0) damaged.fill(0, at, at + SECTOR);
    else if (kind === 1) damaged.fill(0xff, at, at + SECTOR);
    else if (kind === 2) damaged.copyWithin(at, SECTOR * random.below(sectors), SECTOR * sectors);
    else if (kind === 3) damaged.set(random.bytes(SECTOR), at);
    else damaged[random.below(bytes.length)] ^= 1 << random.below(8);
  }
  return damaged;
}

testWith(
  'libgdbm',
  `what a lookup finds right in ${TRIALS} damaged files is in the repaired ones`,
  async (t) => {
    let lib = new LibGdbm();
    t.after(() => lib.close());
    const folder = await temporaryFolder(t);
    const sound: Sound[] = [];
    for (const [blockSize, records] of [
      [512, 60],
      [4096, 60],
      [4096, 2],
    ]) {
      const random = new Random(SEED + sound.length);
      const steps: Step[] = [];
      const truth = new Map<string, string>();
      for (let n = 0; n < 2 * records; n++) {
        const key = Buffer.from(`key-${random.below(records)}`);
        const value = random.bytes(random.below(120));
        steps.push(['store', key, value]);
        truth.set(latin1(key), latin1(value));
      }
      const path = join(folder, `sound-${sound.length}.db`);
      await lib.create(path, steps, { blockSize });
      sound.push({ bytes: await readFile(path), truth });
    }
    const worse: string[] = [];
    for (let trial = 0; trial < TRIALS; trial++) {
      const { bytes, truth } = sound[trial % sound.length];
      const damaged = damage(bytes, new Random(SEED * 100_003 + trial));
      const path = join(folder, 'damaged.db');
      await writeFile(path, damaged);
      const keys = [...truth.keys()];
      let found: (Buffer | undefined)[];
      try {
        found = await lib.lookups(
          path,
          keys.map((key) => Buffer.from(key, 'latin1')),
        );
      } catch {
        // A damaged file may end the real library by a signal: then it finds nothing.
        lib = new LibGdbm();
        continue;
      }
      const right = keys.filter((key, n) => found[n] !== undefined && latin1(found[n]) === truth.get(key));
      if (right.length === 0 || (await check(memorySource(damaged))).verdict === 'healthy') continue;
      const { contents, trouble } = await recover(damaged);
      const missing = right.filter((key) => contents?.get(key) !== truth.get(key));
      if (missing.length > 0) worse.push(`trial ${trial}: ${missing.join(' ')} ${trouble ?? ''}`);
    }
    assert.deepEqual(worse, []);
  },
);
