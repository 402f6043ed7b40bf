import assert from 'node:assert/strict';
import test from 'node:test';
import { describeFormat } from '../../src/format/format.js';
import { sample, SWEEP } from '../tools/effort.js';
import type { Step } from '../tools/libgdbm.js';
import { MiniGdbm } from '../tools/minigdbm.js';
import { Random } from '../tools/random.js';
import type { Damaged } from './damaged.js';
import { formats } from './databases.js';
import { intactOf } from './intact.js';
import { damagedCopy, tryRepair } from './judge.js';
import { historyOf } from './life.js';

/*
 * A Flower's state, or that of celery beat, is a file with two to six records in its only bucket: what of many records each other
 * one would tell, few must.
 */

const SECTOR = 512;
const BLOCK = 4096;

/** Files as such programs leave them: the large record was stored anew, so that an old copy of it is there. */
const files = formats('standard').flatMap((format, n) =>
  [
    ['events', 'counter'],
    ['entries', '__version__', 'tz', 'utc_enabled'],
  ].map((keys) => {
    const random = new Random(n + 1);
    const store = (key: string, size: number): Step => ['store', Buffer.from(key), random.bytes(size)];
    const steps = [
      store(keys[0], 9_000),
      ...keys.slice(1).map((key) => store(key, 20 + random.below(100))),
      store(keys[0], 12_000),
    ];
    return intactOf({
      name: `${describeFormat(format)}, ${keys.length} records`,
      bytes: new MiniGdbm({ format, blockSize: BLOCK }).run(steps).bytes(),
      format,
      hashChar: 'signed',
      history: historyOf(steps),
      other: undefined,
    });
  }),
);

const FAULTS: readonly (readonly [name: string, (file: Damaged, at: number, size: number) => void])[] = [
  ['missing', (file, at, size) => file.drop(at, size)],
  ['put in', (file, at, size) => file.insert(at, new Uint8Array(size))],
  ['there twice', (file, at, size) => file.insert(at, file.bytes.slice(at, at + size))],
];

for (const [name, damage] of FAULTS) {
  test(`of a file with few records from which sectors are ${name} what is left comes back`, async () => {
    let survivors = 0;
    let lost = 0;
    for (const [n, intact] of sample(files, 3).entries()) {
      const random = new Random(n);
      const sectors = Array.from({ length: Math.ceil(intact.bytes.length / SECTOR) }, (_, i) => i * SECTOR);
      for (const at of sample(sectors, 6, n)) {
        const size = SECTOR * (1 + random.below(4));
        const file = damagedCopy(intact, [{ name, damage: (one) => damage(one, at, size) }], 0);
        const { score } = await tryRepair(intact, file);
        const what = `${intact.name}: ${size} bytes at ${at}`;
        assert.deepEqual([score.wrong, score.invented], [[], []], what);
        survivors += score.survivors;
        lost += score.lost.length + score.lostMoved.length;
      }
    }
    // A value that may be cut, as nothing tells at which of some sectors the fault is, does not come back.
    assert.ok(
      survivors > (SWEEP ? 1000 : 20) && lost <= (SWEEP ? 0.02 : 0.1) * survivors,
      `${lost} of ${survivors} lost`,
    );
  });
}
