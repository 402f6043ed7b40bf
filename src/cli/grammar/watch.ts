import type { Argv } from 'yargs';
import type { Run } from '../parser.js';
import { file, positive, watching } from './options.js';

/** `watch` on the command line. */
export function watchGrammar(parser: Argv, run: Run): Argv {
  return parser.command(
    'watch <files..>',
    'Look at databases that are in use, keep snapshots, and repair what is damaged at rest',
    (y) =>
      y
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
        .check(positive)
        .example('$0 watch --interval 30 /data/flower.db', 'In a sidecar')
        .example('$0 watch --once /data/flower.db', 'From cron'),
    async (argv) =>
      run(undefined, async () => {
        const { watchCommand } = await import('../watch.js');
        const { files, interval, once, logFile, logFormat, metricsFile, healthFile } = argv;
        return watchCommand({
          files,
          once,
          interval,
          logFile,
          logFormat,
          metricsFile,
          healthFile,
          profile: argv.profile,
          snapshots: argv.snapshots,
          keep: argv.keep,
        });
      })(),
  );
}
