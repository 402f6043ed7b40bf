import assert from 'node:assert/strict';
import test from 'node:test';
import { describeFormat } from '../../src/format/format.js';
import { HASH_BITS, hashKey } from '../../src/format/hash.js';
import { decodeHeader } from '../../src/format/header.js';
import { formats } from '../torture/databases.js';
import { contentsOf, recover } from '../torture/recover.js';
import type { Step } from '../tools/libgdbm.js';
import { MiniGdbm } from '../tools/minigdbm.js';
import { Random } from '../tools/random.js';

const [format] = formats('standard');
const made = (steps: readonly Step[]) => new MiniGdbm({ format, blockSize: 512 }).run(steps).bytes();

/**
 * Records over the remains of buckets that were split, each of which ends with the very byte that stood there before: where that
 * was the first one of an element, the element still says what it said.
 */
function withRecordsOverRemains(random: Random): Uint8Array {
  const store = (n: number): ['store', Uint8Array, Uint8Array] => [
    'store',
    Buffer.from(`task-${n}`),
    random.bytes(8 + random.below(60)),
  ];
  const steps: Step[] = Array.from({ length: 45 }, (_, n) => store(n));
  // The records of a quarter of all hashes give their place up.
  const quarter = random.below(4);
  for (let n = 0; n < 45; n++) {
    const key = Buffer.from(`task-${n}`);
    if (hashKey(key, 'signed') >>> (HASH_BITS - 2) === quarter) steps.push(['delete', key]);
  }
  for (let n = 100; n < 110; n++) {
    const before = made(steps);
    const step = store(n);
    const [, , value] = step;
    steps.push(step);
    const last = Buffer.from(made(steps)).indexOf(value) + value.length - 1;
    value[value.length - 1] = before[last] ?? 0;
  }
  return made(steps);
}

test('an old element takes no byte from a record of a whole bucket, though the directory is lost', async () => {
  for (const seed of [69, 73, 110, 147, 169]) {
    const bytes = withRecordsOverRemains(new Random(seed));
    const { dir, dir_size } = decodeHeader(bytes.subarray(0, 64), format.layout, format.byteOrder);
    const { contents } = await recover(bytes.slice().fill(0, dir, dir + dir_size));
    assert.deepEqual(contents, await contentsOf(bytes), `${describeFormat(format)}, seed ${seed}`);
  }
});
