import fc from 'fast-check';
import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { BIN, run } from '../tools/cli.js';
import { SWEEP } from '../tools/effort.js';
import { temporaryFolder } from '../tools/folder.js';
import { PYTHON, testWith } from '../tools/needs.js';
import { listSnapshots } from '../../src/store/folder.js';
import { excess, KEEP } from '../../src/store/retention.js';
import type { SnapshotName } from '../../src/store/snapshot.js';
import { byAge, isWorse } from '../../src/store/snapshot.js';
import { change, soundFile, take } from './snap.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 10, 2);

type Sized = SnapshotName & { readonly bytes: number };

function snapshot(time: number, bytes = 1, poor = false): Sized {
  return { time: new Date(time), hash: '0'.repeat(12), records: 1, bytes, poor };
}

const last = (count: number) => ({ last: count, hourly: 0, daily: 0, weekly: 0 });

const snapshots = fc.array(
  fc
    .tuple(fc.nat(40), fc.integer({ min: 1, max: 9 }), fc.boolean())
    .map(([hours, bytes, poor]) => snapshot(START + hours * 7 * HOUR, bytes, poor)),
  { maxLength: 40 },
);
const backups = fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 9 }) }), { maxLength: 8 });
const counts = fc.record({ last: fc.nat(6), hourly: fc.nat(6), daily: fc.nat(6), weekly: fc.nat(6) });

test('the newest good snapshot and the newest backup stay, and the rest fits', () => {
  fc.assert(
    fc.property(snapshots, backups, counts, fc.nat(100), (all, saved, keep, maxBytes) => {
      const gone = new Set<object>(excess(all, saved, keep, maxBytes));
      const newest = all.filter(({ poor }) => !poor).sort(byAge)[0];
      const always = [newest, saved[0]].filter((one) => one !== undefined);
      for (const one of always) assert.ok(!gone.has(one));
      const kept = [...all, ...saved].filter((one) => !gone.has(one));
      const sum = (list: readonly { bytes: number }[]) => list.reduce((total, { bytes }) => total + bytes, 0);
      assert.ok(sum(kept) <= Math.max(maxBytes, sum(always)));
    }),
  );
});

test('of each kind no more stay than are wanted, the newest', () => {
  fc.assert(
    fc.property(snapshots, backups, fc.integer({ min: 1, max: 8 }), (all, saved, count) => {
      const gone = new Set<object>(excess(all, saved, last(count), Infinity));
      const kinds = [all.filter(({ poor }) => poor).sort(byAge), all.filter(({ poor }) => !poor).sort(byAge)];
      for (const kind of [...kinds, saved])
        assert.deepEqual(
          kind.filter((one) => !gone.has(one)),
          kind.slice(0, count),
        );
    }),
  );
});

test('poor snapshots and backups push out no good snapshot, if there is room for one of each', () => {
  fc.assert(
    fc.property(
      snapshots,
      backups,
      counts,
      fc.integer({ min: 30, max: 60 }),
      (all, saved, keep, maxBytes) => {
        const good = all.filter(({ poor }) => !poor);
        const poor = all.filter((one) => one.poor).sort(byAge);
        const [withAll, alone] = [
          new Set<object>(excess(all, saved, keep, maxBytes)),
          new Set<object>(excess([...good, ...poor.slice(0, 1)], saved.slice(0, 1), keep, maxBytes)),
        ];
        for (const one of good) assert.equal(withAll.has(one), alone.has(one));
      },
    ),
  );
});

test('the last good snapshot survives any sequence of snapshots', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3), { maxLength: 40 }), fc.integer({ min: 1, max: 4 }), (life, count) => {
      let stored: Sized[] = [];
      let lastWithRecords: Sized | undefined;
      for (const [i, records] of life.entries()) {
        const newestGood = stored.filter(({ poor }) => !poor).sort(byAge)[0];
        const poor = isWorse(newestGood, { records, time: new Date(START + i * 1000) }) !== undefined;
        const one = { ...snapshot(START + i * 1000, 1, poor), records };
        stored = [one, ...stored];
        const gone = new Set(excess(stored, [], last(count), 0));
        stored = stored.filter((other) => !gone.has(other));
        if (records > 0) lastWithRecords = one;
      }
      if (lastWithRecords !== undefined) assert.ok(stored.includes(lastWithRecords));
    }),
  );
});

test('30 days with a snapshot each five minutes: they reach back weeks, hours and minutes, and do not grow', () => {
  let stored: Sized[] = [];
  const sizes: number[] = [];
  for (let time = START; time < START + 30 * DAY; time += 5 * MINUTE) {
    stored = [snapshot(time), ...stored];
    const gone = new Set(excess(stored, [], KEEP, Infinity));
    stored = stored.filter((one) => !gone.has(one));
    if ((time - START) % DAY === 0) sizes.push(stored.length);
  }
  const most = KEEP.last + KEEP.hourly + KEEP.daily + KEEP.weekly;
  assert.ok(Math.max(...sizes) <= most, sizes.join());
  assert.equal(sizes.at(-1), sizes.at(-8));
  const ages = stored.map(({ time }) => START + 30 * DAY - time.getTime());
  const between = (from: number, to: number) => ages.filter((age) => age > from && age <= to).length;
  assert.equal(between(0, 25 * MINUTE), 5);
  assert.ok(between(0, DAY) >= 24, ages.join());
  assert.ok(between(DAY, 7 * DAY) >= 5);
  assert.ok(between(7 * DAY, 31 * DAY) >= 2);
});

test('where only four fit, they are the newest and one of an hour, a day and a week before', () => {
  let stored: Sized[] = [];
  for (let time = START; time < START + 30 * DAY; time += 10 * MINUTE) {
    stored = [snapshot(time), ...stored];
    const gone = new Set(excess(stored, [], KEEP, 4));
    stored = stored.filter((one) => !gone.has(one));
  }
  const ages = stored.map(({ time }) => (START + 30 * DAY - time.getTime()) / HOUR);
  assert.equal(ages.length, 4);
  assert.ok(ages[1] <= 2 && ages[2] <= 49 && ages[3] <= 24 * 14, ages.join());
  assert.ok(ages[3] > 24, ages.join());
});

test('snapshots taken over 30 days stay by their age, and old backups are removed with them', async (t) => {
  const { folder, path } = await soundFile(t);
  for (let n = 1; n <= 8; n++) await writeFile(`${path}.~${n}~`, String(n));
  await writeFile(`${path}.~9~.txt`, 'not a backup');
  for (let n = 0; n < 60; n++) {
    await change(path, n);
    const now = () => START + n * (DAY / 2);
    await take(path, { now, maxBytes: 1 << 30, limitBackups: true });
  }
  const { snapshots: left } = await listSnapshots(path);
  assert.ok(left.length >= 12 && left.length <= 5 + 7 + 4 + 24, String(left.length));
  assert.ok(left[0].time.getTime() - left.at(-1)!.time.getTime() > 14 * DAY);
  const names = (await readdir(folder)).filter((name) => name.includes('~'));
  assert.equal(names.filter((name) => name.endsWith('~')).length, KEEP.last);
  assert.ok(names.includes('flower.db.~8~') && names.includes('flower.db.~9~.txt'), names.join());
});

/** Saves a state of so many bytes that differs from the one before. */
const SAVE = `
import random, shelve, sys
with shelve.open(sys.argv[1], flag='n') as shelf:
    shelf['events'] = random.Random().randbytes(int(sys.argv[2]))
`;

/** A volume, its state and the number of starts; a sweep takes those of the promise. */
const [VOLUME, STATE, STARTS] = SWEEP ? [1 << 30, 105 * 2 ** 20, 20] : [40 << 20, (42 << 20) / 10, 6];

testWith(
  ['root', 'mounts', 'python'],
  `a state of a tenth of its volume, damaged before each of ${STARTS} starts, leaves 30 % free`,
  async (t) => {
    const folder = await temporaryFolder(t);
    const volume = join(folder, 'volume');
    await mkdir(volume);
    await writeFile(join(folder, 'save.py'), SAVE);
    const script = `
      mount -t tmpfs -o size=${VOLUME} none '${volume}'; cd '${volume}'
      trap 'kill $polling' EXIT
      (while :; do df --output=avail -B1 . | tail -1; sleep 0.05; done) > '${folder}/free' & polling=$!
      for n in $(seq ${STARTS}); do
        '${process.execPath}' '${BIN}' guard flower --profile flower -- '${PYTHON}' '${folder}/save.py' flower ${Math.floor(STATE)} || exit 1
        printf '\\007' | dd of=flower bs=1 seek=8 conv=notrunc status=none
      done
      sort -n '${folder}/free' | head -1; ls`;
    const { code, stdout, stderr } = await run('unshare', ['-m', 'sh', '-c', script]);
    assert.equal(code, 0, stderr);
    const least = Number(stdout.split('\n')[0]);
    t.diagnostic(`free at least: ${Math.round((100 * least) / VOLUME)} %`);
    assert.ok(least > 0.3 * VOLUME, stdout + stderr);
    assert.match(stdout, /^flower\.~\d+~$/m);
  },
);
