import { setTimeout } from 'node:timers/promises';
import { isHealthy, Outlets } from '../service/outlets.js';
import { lookAtAll, Watcher, watchLoop } from '../service/watcher.js';
import { defineCommand, file } from './options.js';
import { EXIT, tell } from './terminal.js';
import { judgeOutlets, mendingFor, numbersAreValid, watching } from './watching.js';

/** Milliseconds between the two looks of `--once`. */
const SECOND_LOOK_AFTER = 2000;

/** Watches databases from outside, until a signal ends it. */
export const command = defineCommand(
  (parser) =>
    parser
      .positional('files', { ...file, array: true })
      .options({
        ...watching,
        once: {
          type: 'boolean',
          default: false,
          describe: 'Look once, twice if that is needed to be sure',
        },
      })
      .check(
        ({ files, snapshots }) =>
          snapshots === undefined ||
          files.length === 1 ||
          `expected one file with --snapshots DIR, found ${files.length}, whose snapshots would mix there. Leave ` +
            'it out, and those of each are beside it in .NAME.snapshots; or run a watch for each',
      )
      .check(numbersAreValid)
      .example('$0 watch --interval 30 /data/flower.db', 'In a sidecar')
      .example('$0 watch --once /data/flower.db', 'From cron'),
  async ({ files, once, ...options }) => {
    const wrong = await judgeOutlets(files, options);
    if (wrong !== undefined) {
      tell(`${wrong}.`);
      return EXIT.failed;
    }
    const outlets = new Outlets(options);
    const watchers = files.map((path) => {
      const { mending, lookOptions } = mendingFor(path, options, outlets);
      return new Watcher(mending, lookOptions);
    });
    if (once) {
      if (await lookAtAll(watchers, outlets)) {
        await setTimeout(SECOND_LOOK_AFTER);
        await lookAtAll(watchers, outlets);
      }
    } else {
      // A watch that is told to stop has done its work; `--once` ends by the signal itself.
      const stop = new AbortController();
      for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => stop.abort());
      await watchLoop(watchers, outlets, options.interval * 1000, stop.signal);
    }
    await outlets.flush();
    return watchers.every(({ status }) => isHealthy(status)) ? EXIT.ok : EXIT.damaged;
  },
);
