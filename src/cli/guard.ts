import { understandCommand } from '../service/commandline.js';
import type { Fallback } from '../service/prepare.js';
import { guard, runUnguarded } from '../service/guard.js';
import { EXIT } from './exit.js';
import { judgeOutlets } from './outletfiles.js';
import { tell } from './terminal.js';
import type { WatchingOptions } from './watching.js';
import { mendingFor, outletsFor } from './watching.js';

export interface GuardArguments extends WatchingOptions {
  /** The database; taken from the command and the environment where it is left out. */
  readonly file: string | undefined;
  readonly fallback: Fallback;
  readonly command: readonly string[];
}

/** Profiles of the programs whose command lines are understood. */
const PROFILES = { flower: 'flower', beat: 'celerybeat', other: 'auto' } as const;

/** Makes a program's database usable, runs the program, and watches the database while it runs. */
export async function guardCommand(args: GuardArguments): Promise<number> {
  const { file, fallback, command, ...options } = args;
  const { env } = process;
  const understood = understandCommand(command, env);
  const path = file ?? understood.database;
  const wrong = await judgeOutlets(path === undefined ? [] : [path], options);
  if (wrong !== undefined) {
    tell(`${wrong}. ${command[0]} is not started.`);
    return EXIT.failed;
  }
  const outlets = outletsFor(options);
  if (path === undefined) {
    const message =
      understood.program === 'other'
        ? 'expected a database, found none named and a command that is not known: it runs without a guard. ' +
          'Name the database before the --'
        : 'this command keeps no database, so there is nothing to guard';
    outlets.log({ level: 'warning', event: 'no-database', message });
    return runUnguarded(command, env, outlets);
  }
  const profile = options.profile === 'auto' ? PROFILES[understood.program] : options.profile;
  const { mending, lookOptions } = mendingFor(path, { ...options, profile }, outlets);
  const interval = options.interval * 1000;
  return guard({ command, env, fallback, interval, lookOptions }, mending, outlets);
}
