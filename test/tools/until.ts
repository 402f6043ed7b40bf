import { setTimeout as sleep } from 'node:timers/promises';

/** Seconds that anything may take on a slow machine under load; only a failure lasts so long. */
const PATIENCE = 180;

/**
 * Waits until something has happened. What throws has not happened yet.
 *
 * @param what is expected, for the failure
 */
export async function until(what: string, happened: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + PATIENCE * 1000;
  let last: unknown;
  do {
    try {
      if (await happened()) return;
    } catch (error) {
      last = error;
    }
    await sleep(50);
  } while (performance.now() < end);
  throw new Error(`expected in ${PATIENCE} s: ${what}`, { cause: last });
}
