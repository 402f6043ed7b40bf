/** A command to guard, as far as its command line is understood. */
interface GuardedCommand {
  readonly program: 'flower' | 'beat' | 'other';
  /** Its database, from the command or the environment; undefined if it keeps none, or none is known. */
  readonly database: string | undefined;
  /** The configuration, a program of its own, that may name a database if the command and the environment do not. */
  readonly config?: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Flower's default database (flower 2.0, `options.py`). */
const FLOWER_DB = 'flower';
/** Flower's default configuration. */
const FLOWER_CONFIG = 'flowerconfig.py';
/** Beat's default database (celery 5, `beat_schedule_filename`). */
const BEAT_DB = 'celerybeat-schedule';

/**
 * Parses the command lines of Flower and of celery beat. Flower reads the environment's `FLOWER_…` first, and overrides it by
 * its arguments `--name=value`, with dashes or underscores alike (tornado's parser). It keeps a database only if it is
 * `persistent`. Its configuration is a program, so what that says is not known.
 */
export function understandCommand(command: readonly string[], env: Environment): GuardedCommand {
  const program = programOf(command);
  if (program === 'flower') {
    const persistent = flowerOption(command, env, 'persistent');
    const config = flowerOption(command, env, 'conf') ?? FLOWER_CONFIG;
    if (persistent === undefined) return { program, database: undefined, config };
    const keeps = isTrue(persistent);
    return { program, database: keeps ? (flowerOption(command, env, 'db') ?? FLOWER_DB) : undefined };
  }
  if (program === 'beat') {
    const scheduler = optionOf(command, ['-S', '--scheduler']);
    const persistent = scheduler === undefined || /(^|[.:])PersistentScheduler$/.test(scheduler);
    return {
      program,
      database: persistent ? (optionOf(command, ['-s', '--schedule']) ?? BEAT_DB) : undefined,
    };
  }
  return { program, database: undefined };
}

/** The command and environment without the settings that make Flower keep a database; undefined for another program. */
export function withoutPersistence(
  command: readonly string[],
  env: Environment,
): { command: string[]; env: Environment } | undefined {
  if (programOf(command) !== 'flower') return undefined;
  const rest = command.filter((word) => !['persistent', 'db'].includes(tornadoName(word) ?? ''));
  const kept = Object.entries(env).filter(([name]) => name !== 'FLOWER_PERSISTENT' && name !== 'FLOWER_DB');
  return { command: rest, env: Object.fromEntries(kept) };
}

/** The command and environment with another database; undefined for a program whose arguments are unknown. */
export function withDatabase(
  command: readonly string[],
  env: Environment,
  path: string,
): { command: string[]; env: Environment } | undefined {
  const program = programOf(command);
  if (program === 'other') return undefined;
  // The last of several values counts, for tornado and for celery.
  if (program === 'beat') return { command: [...command, '-s', path], env };
  return { command: [...command, `--db=${path}`], env };
}

function programOf(command: readonly string[]): GuardedCommand['program'] {
  const names = command.map((word) => word.slice(word.lastIndexOf('/') + 1));
  if (names[0] === 'flower') return 'flower';
  const celery = names.indexOf('celery');
  if (celery < 0) return 'other';
  const words = names.slice(celery + 1);
  // Words before the subcommand are options and their values, such as `-A proj`.
  const subcommand = words.find((word) => ['flower', 'beat', 'worker'].includes(word));
  if (subcommand === 'worker')
    return words.some((word) => word === '-B' || word === '--beat') ? 'beat' : 'other';
  return subcommand === 'flower' || subcommand === 'beat' ? subcommand : 'other';
}

function flowerOption(command: readonly string[], env: Environment, name: string): string | undefined {
  const given = command.findLast((word) => tornadoName(word) === name);
  if (given === undefined) return env[`FLOWER_${name.toUpperCase()}`];
  const equals = given.indexOf('=');
  return equals < 0 ? 'true' : given.slice(equals + 1);
}

/** The name of an argument by tornado's parser: any number of dashes, then the name. */
function tornadoName(word: string): string | undefined {
  const match = /^-+([^=]+)/.exec(word);
  return match?.[1].replaceAll('-', '_');
}

/** Parses a bool as tornado does: everything but these words is true. The list includes the environment's words. */
function isTrue(text: string): boolean {
  return !['false', '0', 'f', 'no', 'n', 'off', ''].includes(text.trim().toLowerCase());
}

/** The value of an option of celery's: `-s PATH`, `-sPATH`, `--schedule PATH` or `--schedule=PATH`. */
function optionOf(command: readonly string[], names: readonly string[]): string | undefined {
  for (let i = command.length - 1; i >= 0; i--) {
    const word = command[i];
    for (const name of names) {
      if (word === name) return command[i + 1];
      if (name.startsWith('--') && word.startsWith(`${name}=`)) return word.slice(name.length + 1);
      if (/^-[a-zA-Z]$/.test(name) && word.startsWith(name) && !word.startsWith('--')) return word.slice(2);
    }
  }
  return undefined;
}
