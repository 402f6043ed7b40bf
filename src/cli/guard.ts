import { stat } from 'node:fs/promises';
import { understandCommand } from '../service/commandline.js';
import { guard, NOT_STARTED, runUnguarded } from '../service/guard.js';
import { Outlets } from '../service/outlets.js';
import { defineCommand } from './options.js';
import { tell } from './terminal.js';
import { judgeOutlets, mendingFor, intervalIsValid, watching } from './watch.js';

/** Profiles of the programs whose command lines are understood. */
const PROFILES = { flower: 'flower', beat: 'celerybeat', other: 'auto' } as const;

/** The words behind `--`. */
function commandIn(args: object): string[] {
  return (args as { '--'?: string[] })['--'] ?? [];
}

/** Says that a configuration may name a database; undefined if there is no such file. */
async function unknownBy(config: string | undefined): Promise<string | undefined> {
  if (config === undefined) return undefined;
  const found = await stat(config).catch(() => undefined);
  return found && `${config} may name one`;
}

/** Makes a program's database usable, runs the program, and watches the database while it runs. */
export const command = defineCommand(
  (parser) =>
    parser
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
      .check(intervalIsValid)
      .check((args) => {
        const [program] = commandIn(args);
        // A variable that is not set leaves an empty word.
        const found = program === '' ? ', found an empty word' : '';
        return Boolean(program) || `expected a command${found}: guard [file] [options] -- COMMAND ARG...`;
      })
      .example('$0 guard -- celery flower --persistent=True --db=/data/flower', "As a container's entrypoint")
      .example('$0 guard --interval 10 state.db -- python app.py', 'Any program'),
  async ({ file, fallback, ...options }) => {
    const { env } = process;
    const command = commandIn(options);
    const { program, database, config } = understandCommand(command, env);
    const path = file ?? database;
    const wrong = await judgeOutlets(path === undefined ? [] : [path], options);
    if (wrong !== undefined) {
      tell(`${wrong}. ${command[0]} is not started: exit code ${NOT_STARTED}.`);
      return NOT_STARTED;
    }
    const outlets = new Outlets(options);
    if (path === undefined) {
      const unknown = program === 'other' ? 'the command is not known' : await unknownBy(config);
      if (unknown === undefined) {
        const message = 'this command keeps no database, so there is nothing to guard';
        outlets.log({ level: 'warning', event: 'no-database', message });
        return runUnguarded(command, env, outlets);
      }
      const isRefused = fallback === 'fail';
      const then = isRefused
        ? `with --fallback fail ${command[0]} is not started: exit code ${NOT_STARTED}`
        : 'it runs without a guard';
      const message = `expected a database, found none named, and ${unknown}: ${then}. Name the database before the --`;
      outlets.log({ level: isRefused ? 'error' : 'warning', event: 'no-database', message });
      if (isRefused) {
        await outlets.flush();
        return NOT_STARTED;
      }
      return runUnguarded(command, env, outlets);
    }
    const profile = options.profile === 'auto' ? PROFILES[program] : options.profile;
    const { mending, lookOptions } = mendingFor(path, { ...options, profile }, outlets);
    const interval = options.interval * 1000;
    return guard({ command, env, fallback, interval, lookOptions }, mending, outlets);
  },
);
