import type { ArgumentsCamelCase, Argv } from 'yargs';
import type { Judge } from '../check/libgdbm.js';
import type { MachineName } from '../format/machines.js';
import { MACHINE_NAMES, MACHINES } from '../format/machines.js';
import { PROFILE_NAMES } from '../profile/profiles.js';
import { escapeStart, shellPath } from '../report/escape.js';
import { thisMachine } from '../service/machine.js';
import { RefusedError } from '../store/errors.js';

/** A command of the command line. */
export interface Command {
  /** Adds its arguments, options and examples to the parser. */
  readonly options: (parser: Argv) => Argv;
  /** @returns the exit code of the process */
  readonly run: (args: ArgumentsCamelCase) => Promise<number>;
}

/** Ties the arguments that `run` gets to the ones that `options` declares. */
export function defineCommand<T>(
  options: (parser: Argv) => Argv<T>,
  run: (args: ArgumentsCamelCase<T>) => Promise<number>,
): Command {
  return { options, run: run as Command['run'] };
}

/* Options and arguments that several commands have. */

export const file = { type: 'string', demandOption: true, describe: 'A GDBM database file' } as const;

export const json = {
  type: 'boolean',
  default: false,
  describe: 'One JSON document instead of text',
} as const;

export const hash = {
  type: 'boolean',
  default: false,
  describe: 'SHA-256 of the file before and after, and how the report was made',
} as const;

/** Options of reports for a person. */
export const detail = {
  findings: {
    type: 'boolean',
    default: false,
    describe: 'Show what is wrong in the structures of the file, with offsets',
  },
  all: { type: 'boolean', default: false, describe: 'The same with every finding, not the first few' },
  quiet: {
    alias: 'q',
    type: 'boolean',
    default: false,
    describe: 'One line for each file, and none for one that is healthy',
  },
} as const;

export const forMachine = {
  choices: [...MACHINE_NAMES, 'any'] as const,
  requiresArg: true,
  describe:
    'The kind of machine whose libgdbm is to use it; any judges the structure alone. By default this one',
} as const;

/** The machine that is to use a database; undefined is this one, `any` the one that wrote it. */
export type WantedMachine = MachineName | 'any' | undefined;

/** The name of the wanted machine; undefined for `any`, and where this one is unknown. */
export function machineFor(wanted: WantedMachine): MachineName | undefined {
  return wanted === 'any' ? undefined : (wanted ?? thisMachine());
}

/** The facts of the wanted machine; undefined for `any`, and where this one is unknown. */
export function judgeFor(wanted: WantedMachine): Judge | undefined {
  const name = machineFor(wanted);
  return name === undefined ? undefined : MACHINES[name];
}

export const profile = {
  choices: ['auto', ...PROFILE_NAMES] as const,
  default: 'auto' as const,
  requiresArg: true,
  describe: 'The program whose database it is; auto tells it by the keys, none looks at no value',
};

export const expectKey = {
  type: 'string',
  requiresArg: true,
  // Not an array option: that would take the file's name as a key, too.
  coerce: (keys: string | string[]) => [keys].flat(),
  describe: 'A key to look for before values without an element; may be repeated',
} as const;

export const snapshots = {
  type: 'string',
  requiresArg: true,
  describe: 'The folder of the snapshots; .NAME.snapshots beside the file by default',
} as const;

export const output = {
  alias: 'o',
  type: 'string',
  requiresArg: true,
  describe: 'Write it here and leave the file as it is',
} as const;

export const dryRun = { type: 'boolean', default: false, describe: 'Only say what would be done' } as const;

export const backup = {
  type: 'boolean',
  default: true,
  describe: 'Keep the file as FILE.~1~; or --no-backup',
} as const;

/** Hidden option of the commands that `guard` and `watch` run: the state of the file that they saw. */
export const ifState = { type: 'string', requiresArg: true, hidden: true } as const;

/** The lock of the commands that replace a file. */
export const locking = {
  wait: {
    type: 'number',
    default: 0,
    requiresArg: true,
    describe: 'Seconds to wait for a program that holds the file',
  },
  lock: { type: 'boolean', default: true, describe: 'Lock it as libgdbm does; or --no-lock' },
} as const;

export const waitIsValid = ({ wait }: { wait: number }) =>
  wait >= 0 || 'expected --wait SECONDS of 0 or more';

/** Refuses `-` as the name of a database, which is written and read at many places. */
export const notStream = (...names: (string | undefined)[]) =>
  !names.includes('-') ||
  'expected the name of a file, found - for a standard stream; a file of that name is ./-';

export const key = { type: 'string', demandOption: true, describe: 'The key' } as const;

export const keyEncoding = {
  choices: ['utf8', 'hex', 'base64'] as const,
  default: 'utf8' as const,
  requiresArg: true,
  describe: 'How the key is written',
};

/**
 * Returns the bytes of a key. Node skips characters that it cannot decode; a key with a typing error must not become
 * another key.
 *
 * @throws RefusedError
 */
export function decodeKey(text: string, encoding: 'utf8' | 'hex' | 'base64'): Uint8Array {
  const bytes = Buffer.from(text, encoding);
  const again = bytes.toString(encoding);
  const isSame =
    encoding === 'base64'
      ? again.replace(/=+$/, '') === text.replace(/=+$/, '')
      : again === text.toLowerCase();
  if (encoding !== 'utf8' && !isSame) {
    throw new RefusedError('io', `expected a key in ${encoding}, found "${text}".`);
  }
  return new Uint8Array(bytes);
}

/** The message that a database has no such key; `list` shows bytes that are no text as \\xNN, which is not how to type them. */
export function noSuchKey(path: string, text: string, key: Uint8Array): string {
  const hint = /\\x[0-9a-f]{2}/i.test(text)
    ? '; a key that is no text is typed in hex: --key-encoding hex'
    : '';
  return `${path}: there is no key "${escapeStart(key, 200)}". See: gdbm-doctor list ${shellPath(path)}${hint}`;
}
