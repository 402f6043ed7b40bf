import fc from 'fast-check';
import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Look } from '../../src/service/look.js';
import { parseLook } from '../../src/service/look.js';
import { Outlets, newStatus } from '../../src/service/outlets.js';
import type { Memory, Step } from '../../src/service/watcher.js';
import { decide, giveUp, NOTHING_SEEN, Watcher, watchLoop } from '../../src/service/watcher.js';
import { playedMending } from '../tools/mending.js';

function look(verdict: Look['verdict'], digest = '', use: Look['use'] = 'none'): Look {
  const nothing = {
    records: 0,
    size: 1,
    profile: 'none',
    state: '',
    usable: false,
    loads: false,
    holder: null,
    snapshot: null,
    snapshotTrouble: null,
  };
  return { path: 'x', what: verdict, verdict, digest, use, ...nothing };
}

function stepsOf(looks: readonly Look[]): Step[] {
  let memory: Memory = NOTHING_SEEN;
  return looks.map((one) => {
    const decided = decide(memory, one);
    memory = decided.memory;
    return decided.step;
  });
}

test('damage is repaired when two looks in a row see it and nobody holds the file', () => {
  assert.deepEqual(stepsOf([look('damaged', 'a'), look('damaged', 'a')]), ['look-again', 'repair']);
});

test('damage is not repaired if it changes, is in use, or the file was sound in between', () => {
  const again = 'look-again';
  assert.deepEqual(stepsOf([look('damaged', 'a'), look('damaged', 'b')]), [again, again]);
  assert.deepEqual(stepsOf([look('damaged', 'a'), look('damaged', 'a', 'open')]), [again, again]);
  assert.deepEqual(stepsOf([look('damaged', 'a', 'open'), look('damaged', 'a')]), [again, again]);
  assert.deepEqual(stepsOf([look('damaged', 'a'), look('clean'), look('damaged', 'a')]), [
    again,
    'rest',
    again,
  ]);
  assert.deepEqual(stepsOf([look('damaged', 'a'), look('changing'), look('damaged', 'a')]), [
    again,
    again,
    again,
  ]);
});

test('a failed repair is not tried again until the file changes', () => {
  const { memory } = decide(NOTHING_SEEN, look('damaged', 'a'));
  const hopeless = giveUp(memory, 'unmended');
  assert.equal(decide(hopeless, look('damaged', 'a')).step, 'rest');
  const first = decide(hopeless, look('damaged', 'b'));
  assert.equal(first.step, 'look-again');
  assert.equal(decide(first.memory, look('damaged', 'b')).step, 'repair');
});

test('a repair that a full volume prevents is tried again although the file stays as it is', () => {
  let memory = giveUp({ ...NOTHING_SEEN, damage: 'a' }, 'prevented');
  const steps = Array.from({ length: 6 }, () => {
    const decided = decide(memory, look('damaged', 'a'));
    memory = decided.memory;
    return decided.step;
  });
  assert.deepEqual(steps, ['rest', 'rest', 'rest', 'look-again', 'repair', 'repair']);
});

test('damage that no repair changes and its program loads is only reported, also of a file in use', () => {
  const one = { ...look('damaged', 'a', 'open'), loads: true };
  assert.deepEqual(stepsOf([one, one, one]), ['look-again', 'rest', 'rest']);
});

test('a damaged file that its program holds has a log line with the process, and grows the age of the last good state', async () => {
  const held = { ...look('damaged', 'a', 'open'), holder: 'process 7 (celery)' };
  const messages: string[] = [];
  const run = async () => ({ code: 1, stdout: JSON.stringify(held), said: '' });
  const watcher = new Watcher(
    { ...playedMending('x', run, []), log: ({ message }) => void messages.push(message) },
    [],
  );
  const { goodAt } = watcher.status;
  for (let n = 0; n < 4; n++) await watcher.look();
  assert.ok(messages.length > 0 && messages.every((one) => one.includes('in use by process 7 (celery)')));
  assert.equal(watcher.status.goodAt, goodAt);
});

test('for any looks, a repair follows only two equal looks at damage', () => {
  const anyLook = fc
    .tuple(
      fc.constantFrom('clean', 'damaged', 'damaged', 'changing', 'missing', 'not-checked', 'unreadable'),
      fc.constantFrom('a', 'b'),
      fc.constantFrom('locked' as const, 'open' as const, 'none' as const, 'none' as const, null),
    )
    .map(([verdict, digest, use]) => look(verdict, digest, use));
  fc.assert(
    fc.property(fc.array(anyLook, { maxLength: 20 }), (looks) => {
      stepsOf(looks).forEach((step, i) => {
        if (step !== 'repair') return;
        const [before, now] = [looks[i - 1], looks[i]];
        assert.ok(before.verdict === 'damaged' && now.verdict === 'damaged' && before.digest === now.digest);
        for (const { use } of [before, now]) assert.ok(use === 'none' || use === null);
      });
    }),
    { seed: 20261124 },
  );
});

test('other text is not parsed as a look', () => {
  const one = look('clean');
  assert.deepEqual(parseLook(JSON.stringify(one)), one);
  for (const text of ['', 'null', '1', '{}', '{"verdict":1}', 'Killed'])
    assert.equal(parseLook(text), undefined);
});

test('an interval beyond the limit of a timer is waited for, and the signal ends it at once', async () => {
  let looks = 0;
  const watcher = { status: newStatus('x'), look: async () => void looks++ } as unknown as Watcher;
  const nowhere = {
    logFormat: 'text',
    logFile: undefined,
    metricsFile: undefined,
    healthFile: undefined,
  } as const;
  const stop = new AbortController();
  const watching = watchLoop([watcher], new Outlets(nowhere), 5e12, stop.signal);
  await sleep(200);
  stop.abort();
  await watching;
  assert.equal(looks, 1);
});

test('a day of a program that saves each minute takes two lines an hour, and each change of state its own', async (t) => {
  const lines: string[] = [];
  let minute = 0;
  t.mock.method(performance, 'now', () => minute * 60_000);
  const outlets = new Outlets({
    logFormat: 'json',
    logFile: undefined,
    metricsFile: undefined,
    healthFile: undefined,
  });
  const isEmptied = () => minute === 700;
  const run = async () => {
    const snapshot = { id: `id-${minute}`, taken: true, poor: null, removedBackups: [] };
    const clean = {
      ...look('clean'),
      what: `sound, with ${minute} tasks`,
      records: 1,
      tasks: minute,
      snapshot,
    };
    const missing = { ...look('missing'), what: 'there is no such file' };
    return { code: 0, stdout: JSON.stringify(isEmptied() ? missing : clean), said: '' };
  };
  const watcher = new Watcher({ ...playedMending('/none/flower', run, []), log: outlets.log }, []);
  t.mock.method(process.stderr, 'write', (line: string) => lines.push(line) > 0);
  for (; minute < 1440; minute++) await watcher.look();
  t.mock.restoreAll();
  const events = lines.map((line) => (JSON.parse(line) as { event: string }).event);
  const count = (event: string) => events.filter((one) => one === event).length;
  // The state before the file was gone and the one after it begin an hour of their own.
  assert.deepEqual([count('missing'), count('clean'), count('snapshot')], [1, 25, 25]);
  assert.equal(events.length, 51);
  assert.ok(lines.join('').length < 10_000, String(lines.join('').length));
});
