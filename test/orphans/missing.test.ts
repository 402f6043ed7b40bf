import assert from 'node:assert/strict';
import test from 'node:test';
import { describeFormat } from '../../src/format/format.js';
import { build, heldBy, specFor } from '../build/build.js';
import { formats } from '../torture/databases.js';
import { contentsOf, recover } from '../torture/recover.js';
import { sample } from '../tools/effort.js';
import type { Step } from '../tools/libgdbm.js';
import { MiniGdbm } from '../tools/minigdbm.js';
import { Random } from '../tools/random.js';

/** A database with two records: of one it could not be told whether it is an old copy. */
const files = (keys: readonly string[]) =>
  formats('standard').map((format, n) => {
    const random = new Random(n + 1);
    const steps = keys.map((key): Step => ['store', Buffer.from(key), random.bytes(300)]);
    return {
      name: describeFormat(format),
      bytes: new MiniGdbm({ format, blockSize: 4096 }).run(steps).bytes(),
    };
  });

for (const [turn, keys] of [
  ['events', 'counter'],
  // Too short to be looked for.
  ['tz', 'utc'],
].entries()) {
  const which = keys.join(' and ');
  test(`${which} come back where sectors are missing at the beginning, or were put there`, async () => {
    for (const { name, bytes } of sample(files(keys), 3, turn)) {
      const contents = await contentsOf(bytes);
      for (const sectors of [1, 3, 16]) {
        const size = 512 * sectors;
        // Up to the bucket, without which nothing leads to a record.
        const cut = bytes.subarray(size);
        assert.deepEqual((await recover(cut)).contents, contents, `${name}: ${size} bytes missing`);
        const shifted = Buffer.concat([new Uint8Array(size), bytes]);
        assert.deepEqual((await recover(shifted)).contents, contents, `${name}: ${size} bytes put in`);
      }
    }
  });
}

test('a key that is elsewhere by itself does not tell that the beginning is missing', async () => {
  for (const { name, bytes } of files(['events', 'counter'])) {
    const contents = await contentsOf(bytes);
    const at = Buffer.from(bytes).indexOf('counter');
    const damaged = Buffer.from(bytes);
    damaged.fill(0, 0, 512);
    // An old copy of one of the two is a sector before.
    damaged.write('counter', at - 512);
    assert.deepEqual((await recover(damaged)).contents, contents, name);
  }
});

test('of a database whose beginning is lost the records come back, not those of a database in a value', async () => {
  const of = (tag: string, count: number) =>
    Array.from({ length: count }, (_, i) => ({
      key: Buffer.from(`${tag}:${i}`),
      value: Buffer.from(`value ${i} of ${tag} `.repeat(1 + (i % 7))),
    }));
  for (const format of sample(formats('standard'), 2)) {
    for (const sizes of [[20], [900], [20, 300, 60]]) {
      const inner = [];
      for (const size of sizes) {
        const { bytes } = await build(of(`in ${size}`, size), specFor(format));
        inner.push({ key: Buffer.from(`attachment ${size}`), value: bytes });
      }
      const all = [...of('first', 100), ...inner, ...of('last', 100)];
      const { bytes } = await build(all, specFor(format));
      const contents = heldBy(all);
      const headless = Buffer.from(bytes).fill(0, 0, 512);
      for (const [what, damaged, most] of [
        ['header lost', headless, 0],
        ['header lost, bytes before it', Buffer.concat([Buffer.from('\ufeff'), headless]), 0],
        ['700 bytes missing', Buffer.from(bytes.subarray(700)), 4],
      ] as const) {
        const about = `${describeFormat(format)}, ${sizes.join()}: ${what}`;
        const found = (await recover(damaged)).contents ?? new Map<string, string>();
        for (const [key, value] of found) assert.equal(value, contents.get(key), about);
        assert.ok(found.size >= contents.size - most, `${about}: ${found.size} of ${contents.size}`);
      }
    }
  }
});
