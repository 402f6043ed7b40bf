import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { shellPath } from '../report/escape.js';
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

/** Reads a configuration of the program; undefined if there is none. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Says how to name the database, with the path if the environment has one. */
function askForPath(command: readonly string[], { FLOWER_DB }: NodeJS.ProcessEnv): string {
  const path = FLOWER_DB === undefined ? 'DATABASE' : shellPath(FLOWER_DB);
  const perhaps = FLOWER_DB === undefined ? '' : ', if it is the one of FLOWER_DB';
  return `Name it: gdbm-doctor guard ${path} -- ${shellPath(command[0])} ...${perhaps}`;
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
    const { program, database, unknown } = understandCommand(command, env, readText);
    const path = file ?? database;
    const wrong = await judgeOutlets(path === undefined ? [] : [path], options);
    if (wrong !== undefined) {
      tell(`${wrong}. ${command[0]} is not started: exit code ${NOT_STARTED}.`);
      return NOT_STARTED;
    }
    const outlets = new Outlets(options);
    if (path === undefined) {
      if (unknown === undefined) {
        const message = 'this command keeps no database, so there is nothing to guard';
        outlets.log({ level: 'warning', event: 'no-database', message });
        return runUnguarded(command, env, outlets);
      }
      const isRefused = fallback === 'fail';
      const then = isRefused
        ? `with --fallback fail ${command[0]} is not started: exit code ${NOT_STARTED}`
        : 'it runs without a guard';
      const message = `which database the program keeps is not known, as ${unknown}: ${then}. ${askForPath(command, env)}`;
      outlets.log({ level: isRefused ? 'error' : 'warning', event: 'no-database', message });
      if (isRefused) {
        await outlets.flush();
        return NOT_STARTED;
      }
      return runUnguarded(command, env, outlets);
    }
    if (file !== undefined && database !== undefined && resolve(file) !== resolve(database)) {
      const message = `${file} is guarded, and the command names another database: ${database}`;
      outlets.log({ level: 'warning', event: 'another-named', message, details: { path: file, database } });
    }
    const profile = options.profile === 'auto' ? PROFILES[program] : options.profile;
    const { mending, lookOptions } = mendingFor(path, { ...options, profile }, outlets);
    const interval = options.interval * 1000;
    return guard({ command, env, fallback, interval, lookOptions }, mending, outlets);
  },
);
