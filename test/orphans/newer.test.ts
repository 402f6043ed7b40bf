import assert from 'node:assert/strict';
import test from 'node:test';
import { decodeDirectory, slotOf } from '../../src/format/directory.js';
import { hashKey } from '../../src/format/hash.js';
import { decodeHeader } from '../../src/format/header.js';
import { NATIVE } from '../torture/databases.js';
import { latin1 } from '../torture/life.js';
import { recover } from '../torture/recover.js';
import { MiniGdbm } from '../tools/minigdbm.js';
import { Random } from '../tools/random.js';
import { randomSteps } from '../tools/records.js';

const BLOCK = 512;

function directoryOf(bytes: Uint8Array): { dir: number; entries: Float64Array } {
  const { dir, dir_size } = decodeHeader(bytes.subarray(0, 64), NATIVE.layout, NATIVE.byteOrder);
  const entries = decodeDirectory(bytes.subarray(dir, dir + dir_size), NATIVE.layout, NATIVE.byteOrder);
  return { dir, entries };
}

test('without a header no older directory is in force, though of the newer buckets all records were deleted', async () => {
  for (const seed of [200, 250]) {
    const contents = new Map<string, string>();
    const mini = new MiniGdbm({ format: NATIVE, blockSize: BLOCK });
    let before = directoryOf(mini.bytes());
    let now = before;
    // Until a split makes a new directory; the old one is left in free space, with all that it leads to.
    for (const [op, key, value] of randomSteps(new Random(seed), 4000)) {
      if (op !== 'store') continue;
      mini.store(key, value);
      contents.set(latin1(key), latin1(value));
      now = directoryOf(mini.bytes());
      if (now.dir !== before.dir) break;
      before = now;
    }
    assert.notEqual(now.dir, before.dir);
    const bits = Math.log2(now.entries.length);
    for (const key of [...contents.keys()]) {
      const bytes = Buffer.from(key, 'latin1');
      const slot = slotOf(hashKey(bytes, 'signed'), bits);
      if (now.entries[slot] === before.entries[slot >> 1]) continue;
      mini.delete(bytes);
      contents.delete(key);
    }
    const damaged = mini.bytes().slice();
    damaged.fill(0, 0, BLOCK);
    const found = await recover(damaged);
    assert.equal(found.trouble, undefined);
    assert.deepEqual(found.contents, contents);
  }
});
