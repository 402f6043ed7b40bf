import { setTimeout as sleep } from 'node:timers/promises';
import type { Outlets } from './outlets.js';
import type { Watcher } from './watcher.js';

/** A second look that is wanted soon comes after so many milliseconds, or the interval if that is shorter. */
const SOON = 2000;

/** A timer knows no more milliseconds; with more it would not wait at all. */
const LONGEST = 2 ** 31 - 1;

/**
 * Looks at databases every so many milliseconds until it is told to end. What one look throws is logged and ends
 * nothing.
 */
export async function watchLoop(
  watchers: readonly Watcher[],
  outlets: Outlets,
  interval: number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const soon = await lookAtAll(watchers, outlets);
    await sleepFor(soon ? Math.min(SOON, interval) : interval, signal);
  }
}

async function sleepFor(milliseconds: number, signal: AbortSignal): Promise<void> {
  for (let left = milliseconds; left > 0 && !signal.aborted; left -= LONGEST) {
    await sleep(Math.min(left, LONGEST), undefined, { signal }).catch(() => {});
  }
}

/** One look at each; whether another one should come soon. */
export async function lookAtAll(watchers: readonly Watcher[], outlets: Outlets): Promise<boolean> {
  let soon = false;
  for (const watcher of watchers) {
    try {
      soon = (await watcher.look()) || soon;
    } catch (error) {
      const message = `${watcher.status.path}: the look failed: ${String(error)}`;
      outlets.log({ level: 'error', event: 'look-failed', message });
    }
  }
  await outlets.tell(watchers.map(({ status }) => status));
  return soon;
}
