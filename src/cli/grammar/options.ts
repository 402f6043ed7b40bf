import { MACHINE_NAMES } from '../../format/machines.js';
import { PROFILE_NAMES } from '../../profile/profiles.js';
import { KEEP } from '../../store/snapshot.js';

/* Options that several commands have. */

/** The machine that is to use a database. */
export const forMachine = {
  choices: [...MACHINE_NAMES, 'any'] as const,
  requiresArg: true,
  describe:
    'The kind of machine whose libgdbm is to use it; any judges the structure alone. By default this one',
} as const;

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

export const all = {
  type: 'boolean',
  default: false,
  describe: 'Show every finding, not the first few',
} as const;

export const expectKey = {
  type: 'string',
  requiresArg: true,
  // Not an array option: that would take the file's name as a key, too.
  coerce: (keys: string | string[]) => [keys].flat(),
  describe: 'A key to look for before values without an element; may be repeated',
} as const;

export const keys = {
  type: 'string',
  requiresArg: true,
  coerce: (globs: string | string[]) => [globs].flat(),
  describe: 'Only keys that fit: * any bytes, ? a character, \\ takes the next as it is',
} as const;

export const file = { type: 'string', demandOption: true, describe: 'A GDBM database file' } as const;

export const snapshots = {
  type: 'string',
  requiresArg: true,
  describe: 'The folder of the snapshots; .NAME.snapshots beside the file by default',
} as const;

export const profile = {
  choices: ['auto', ...PROFILE_NAMES] as const,
  default: 'auto' as const,
  requiresArg: true,
  describe: 'The program whose database it is; auto tells it by the keys, none looks at no value',
};

export const keep = {
  type: 'number',
  default: KEEP,
  requiresArg: true,
  describe: 'Snapshots that are kept',
} as const;

export const watching = {
  interval: {
    type: 'number',
    default: 60,
    requiresArg: true,
    describe: 'Seconds between looks',
  },
  profile,
  snapshots,
  keep,
  'log-file': { type: 'string', requiresArg: true, describe: 'Also write the log here' },
  'log-format': {
    choices: ['text', 'json'] as const,
    default: 'text' as const,
    requiresArg: true,
    describe: 'A line of text or of JSON for each step',
  },
  'metrics-file': {
    type: 'string',
    requiresArg: true,
    describe: "Write the state here, in Prometheus' text format",
  },
  'health-file': {
    type: 'string',
    requiresArg: true,
    describe: 'A file that is there as long as the database is healthy',
  },
} as const;

export const positive = ({ interval, keep: count }: { interval: number; keep: number }) =>
  (interval > 0 && Number.isFinite(interval) && Number.isInteger(count) && count > 0) ||
  'expected --interval SECONDS of more than 0 and --keep N of 1 or more';

/** What a standard stream cannot be: a database is written, and read, at many places. */
export const noStream = (...names: (string | undefined)[]) =>
  !names.includes('-') ||
  'expected the name of a file, found - for a standard stream; a file of that name is ./-';

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

/** Of the commands that replace a file. */
export const holding = {
  wait: {
    type: 'number',
    default: 0,
    requiresArg: true,
    describe: 'Seconds to wait for a program that holds the file',
  },
  lock: { type: 'boolean', default: true, describe: 'Lock it as libgdbm does; or --no-lock' },
} as const;
