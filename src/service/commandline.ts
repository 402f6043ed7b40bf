import { isAbsolute, join } from 'node:path';
import { settingsIn } from './flowerconfig.js';
import type { Environment } from './shellcommand.js';
import { basename, plainCommand } from './shellcommand.js';

export type { Environment } from './shellcommand.js';

/** A command to guard, as far as its command line is understood. */
interface GuardedCommand {
  readonly program: 'flower' | 'beat' | 'other';
  /** Its database, from the command, the configuration or the environment; undefined if it keeps none, or none is known. */
  readonly database: string | undefined;
  /** Why it is not known which database it keeps, if any, in a sentence without a full stop; undefined if it is known. */
  readonly unknown?: string;
}

/**
 * Reads a file of the program's; undefined if there is none.
 *
 * @throws NodeJS.ErrnoException
 */
export type ReadText = (path: string) => string | undefined;

/** Flower's default database (flower 2.0, `options.py`). */
const FLOWER_DB = 'flower';
/** Flower's default configuration. */
const FLOWER_CONFIG = 'flowerconfig.py';
/** Beat's default database (celery 5, `beat_schedule_filename`). */
const BEAT_DB = 'celerybeat-schedule';

/**
 * Parses the command lines of Flower and of celery beat, also in `sh -c "…"` and behind `env`.
 *
 * Flower takes an option from its arguments `--name=value`, with dashes or underscores alike (tornado's parser), else from
 * its configuration, else from the environment's `FLOWER_…`. It keeps a database only if it is `persistent`. Beat keeps
 * one with its default scheduler; the app's configuration, which is a program, may name another one.
 */
export function understandCommand(
  command: readonly string[],
  env: Environment,
  readText: ReadText = () => undefined,
): GuardedCommand {
  const plain = plainCommand(command, env);
  if (typeof plain === 'string') return { program: 'other', database: undefined, unknown: plain };
  const { program, args, workdir } = programOf(plain.command);
  const inWorkdir = (path: string) => (isAbsolute(path) ? path : join(workdir, path));
  if (program === 'flower') {
    const conf = inWorkdir(flowerArgument(args, 'conf') ?? plain.env['FLOWER_CONF'] ?? FLOWER_CONFIG);
    const option = flowerOptions(args, plain.env, () => readText(conf));
    const persistent = option('persistent');
    const unknown = `${conf} is a program that may name one`;
    if (persistent === 'unknown') return { program, database: undefined, unknown };
    if (persistent === undefined || !isTrue(persistent.value)) return { program, database: undefined };
    const db = option('db');
    if (db === 'unknown') return { program, database: undefined, unknown };
    return { program, database: inWorkdir(String(db?.value ?? FLOWER_DB)) };
  }
  if (program === 'beat') {
    const scheduler = optionOf(args, ['-S', '--scheduler']);
    const persistent = scheduler === undefined || /(^|[.:])PersistentScheduler$/.test(scheduler);
    const database = inWorkdir(optionOf(args, ['-s', '--schedule']) ?? BEAT_DB);
    return { program, database: persistent ? database : undefined };
  }
  return { program, database: undefined, unknown: 'the command is not known' };
}

/** The command and environment with which Flower keeps no database; undefined for another program. */
export function withoutPersistence(
  command: readonly string[],
  env: Environment,
): { command: string[]; env: Environment } | undefined {
  const plain = plainCommand(command, env);
  if (typeof plain === 'string' || programOf(plain.command).program !== 'flower') return undefined;
  // The last of several values counts, also against the configuration.
  return { command: [...plain.command, '--persistent=False'], env: plain.env };
}

/** The command and environment with another database; undefined for a program whose arguments are unknown. */
export function withDatabase(
  command: readonly string[],
  env: Environment,
  path: string,
): { command: string[]; env: Environment } | undefined {
  const plain = plainCommand(command, env);
  if (typeof plain === 'string') return undefined;
  const { program } = programOf(plain.command);
  if (program === 'other') return undefined;
  // The last of several values counts, for tornado and for celery.
  const words = program === 'beat' ? ['-s', path] : [`--db=${path}`];
  return { command: [...plain.command, ...words], env: plain.env };
}

/** A program, the arguments behind its name, and the folder in which it runs, relative to the current one. */
interface Program {
  readonly program: GuardedCommand['program'];
  readonly args: readonly string[];
  readonly workdir: string;
}

/** Finds the subcommand of celery; words before celery start it, as those of `python -m`, `gosu` and `tini` do. */
function programOf(command: readonly string[]): Program {
  for (let i = 0; i < command.length; i++) {
    const name = basename(command[i]);
    if (name !== 'celery' && name !== 'flower') continue;
    const { at, workdir } = subcommandIn(command, i + 1);
    const args = command.slice(at + 1);
    if (command[at] === 'flower') return { program: 'flower', args, workdir };
    if (command[at] === 'beat') return { program: 'beat', args, workdir };
    if (command[at] === 'worker') {
      const hasBeat = args.some((word) => word === '-B' || word === '--beat');
      return { program: hasBeat ? 'beat' : 'other', args, workdir };
    }
    // Flower before 1.0 was a program of its own.
    if (name === 'flower' && i === 0) return { program: 'flower', args: command.slice(1), workdir: '' };
  }
  return { program: 'other', args: [], workdir: '' };
}

/** Options of celery before its subcommand that have a value. */
const WITH_VALUE = /^(-A|--app|-b|--broker|--result-backend|--loader|--config|--workdir)$/;

/** Finds celery's subcommand, the first word that is no option, and the folder that celery changes to. */
function subcommandIn(command: readonly string[], from: number): { at: number; workdir: string } {
  let workdir = '';
  let at = from;
  for (; at < command.length && command[at].startsWith('-'); at++) {
    const [name, value] = command[at].split(/=(.*)/s);
    const hasNext = value === undefined && WITH_VALUE.test(name);
    if (name === '--workdir') workdir = value ?? command[at + 1] ?? '';
    if (hasNext) at++;
  }
  return { at, workdir };
}

/** Gives Flower's options by name: a value, `unknown` if the configuration may set it, or undefined for the default. */
function flowerOptions(args: readonly string[], env: Environment, readConfig: () => string | undefined) {
  let settings: ReturnType<typeof settingsIn<'persistent' | 'db'>> | undefined;
  return (name: 'persistent' | 'db'): { readonly value: string | boolean } | 'unknown' | undefined => {
    const given = flowerArgument(args, name);
    if (given !== undefined) return { value: given };
    try {
      settings ??= settingsIn(readConfig() ?? '', ['persistent', 'db']);
    } catch {
      return 'unknown';
    }
    if (settings[name] !== undefined) return settings[name];
    const value = env[`FLOWER_${name.toUpperCase()}`];
    return value === undefined ? undefined : { value };
  };
}

function flowerArgument(args: readonly string[], name: string): string | undefined {
  const given = args.findLast((word) => tornadoName(word) === name);
  if (given === undefined) return undefined;
  const equals = given.indexOf('=');
  return equals < 0 ? 'true' : given.slice(equals + 1);
}

/** The name of an argument by tornado's parser: any number of dashes, then the name. */
function tornadoName(word: string): string | undefined {
  const match = /^-+([^=]+)/.exec(word);
  return match?.[1].replaceAll('-', '_');
}

/** Parses a bool as tornado does: everything but these words is true. The list includes the environment's words. */
function isTrue(value: string | boolean): boolean {
  if (typeof value === 'boolean') return value;
  return !['false', '0', 'f', 'no', 'n', 'off', ''].includes(value.trim().toLowerCase());
}

/** The value of an option of celery's: `-s PATH`, `-sPATH`, `--schedule PATH` or `--schedule=PATH`. */
function optionOf(args: readonly string[], names: readonly string[]): string | undefined {
  for (let i = args.length - 1; i >= 0; i--) {
    const word = args[i];
    for (const name of names) {
      if (word === name) return args[i + 1];
      if (name.startsWith('--') && word.startsWith(`${name}=`)) return word.slice(name.length + 1);
      if (/^-[a-zA-Z]$/.test(name) && word.startsWith(name) && !word.startsWith('--')) return word.slice(2);
    }
  }
  return undefined;
}
