import type { Argv } from 'yargs';
import type { Run } from '../parser.js';
import { positive, watching } from './options.js';

/** `guard` on the command line. */
export function guardGrammar(parser: Argv, run: Run, command: readonly string[]): Argv {
  return parser.command(
    'guard [file]',
    'Make a database usable, run its program, and watch the database meanwhile',
    (y) =>
      y
        .usage('$0 guard [file] [options] -- COMMAND ARG...')
        .positional('file', {
          type: 'string',
          describe: "The database; found in the command where that is Flower's or celery beat's",
        })
        .options({
          ...watching,
          fallback: {
            choices: ['empty', 'no-persistence', 'fail'] as const,
            default: 'empty' as const,
            requiresArg: true,
            describe: 'Where nothing can be done: a new database, none, or no start',
          },
        })
        .check(positive)
        // An empty word is what a variable leaves that is not set.
        .check(
          () =>
            (command.length > 0 && command[0] !== '') ||
            `expected a command${command.length > 0 ? ', found an empty word' : ''}: guard [file] [options] -- COMMAND ARG...`,
        )
        .example(
          '$0 guard -- celery flower --persistent=True --db=/data/flower',
          "As a container's entrypoint",
        )
        .example('$0 guard --interval 10 state.db -- python app.py', 'Any program'),
    async (argv) =>
      run(argv.file, async () => {
        const { guardCommand } = await import('../guard.js');
        const { file: path, interval, logFile, logFormat, metricsFile, healthFile, fallback } = argv;
        return guardCommand({
          file: path,
          command,
          fallback,
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
