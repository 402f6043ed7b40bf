import { lookAtAll, watchLoop, Watcher } from '../service/watcher.js';
import { isHealthy } from '../service/outlets.js';
import type { ExitCode } from './exit.js';
import { EXIT } from './exit.js';
import { judgeOutlets } from './outletfiles.js';
import { tell } from './terminal.js';
import type { WatchingOptions } from './watching.js';
import { mendingFor, outletsFor } from './watching.js';

export interface WatchArguments extends WatchingOptions {
  readonly files: readonly string[];
  /** Looks, and looks once more where that is needed to be sure, and ends. */
  readonly once: boolean;
}

/** Seconds between the two looks of `--once`. */
const AGAIN = 2;

/** Watches databases from outside, until a signal ends it. */
export async function watchCommand({ files, once, ...options }: WatchArguments): Promise<ExitCode> {
  const wrong = await judgeOutlets(files, options);
  if (wrong !== undefined) {
    tell(`${wrong}.`);
    return EXIT.failed;
  }
  const outlets = outletsFor(options);
  const watchers = files.map((path) => {
    const { mending, lookOptions } = mendingFor(path, options, outlets);
    return new Watcher(mending, lookOptions);
  });
  if (once) {
    if (await lookAtAll(watchers, outlets)) {
      await new Promise((resolve) => setTimeout(resolve, AGAIN * 1000));
      await lookAtAll(watchers, outlets);
    }
  } else {
    // What is told to stop has done its work. Looking once ends by the signal itself.
    const stop = new AbortController();
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => stop.abort());
    await watchLoop(watchers, outlets, options.interval * 1000, stop.signal);
  }
  await outlets.flush();
  return watchers.every(({ status }) => isHealthy(status)) ? EXIT.ok : EXIT.damaged;
}
