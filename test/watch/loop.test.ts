import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { watchLoop } from '../../src/service/watcher.js';
import { Outlets, newStatus } from '../../src/service/outlets.js';
import type { Watcher } from '../../src/service/watcher.js';

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
