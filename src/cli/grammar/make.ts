import type { Argv } from 'yargs';
import { MACHINE_NAMES } from '../../format/machines.js';
import { whyImpossible } from '../../exchange/wanted.js';
import type { Run } from '../parser.js';
import { file, holding, noStream } from './options.js';

/* The commands that make a database of what another one, or a dump, holds. */

const formats = {
  for: { choices: MACHINE_NAMES, requiresArg: true, describe: 'The kind of machine that is to read it' },
  'byte-order': { choices: ['little', 'big'] as const, requiresArg: true, describe: 'Byte order' },
  offset: { choices: [32, 64] as const, requiresArg: true, describe: 'Bits of a file offset' },
  alignment: { choices: [4, 8] as const, requiresArg: true, describe: 'Of 64-bit offsets, in bytes' },
  'hash-char': {
    choices: ['signed', 'unsigned'] as const,
    requiresArg: true,
    describe: "What C's char is there; decides the hash of keys that are not ASCII",
  },
  variant: {
    choices: ['standard', 'numsync'] as const,
    requiresArg: true,
    describe: 'numsync counts its syncs; Python cannot open such a file by shelve',
  },
  'block-size': { alias: 'b', type: 'number', requiresArg: true, describe: 'Bytes, a power of two from 512' },
} as const;

const putting = {
  replace: {
    alias: 'r',
    type: 'boolean',
    default: false,
    describe: 'Replace a file that is there; it stays as NAME.~1~',
  },
  ...holding,
} as const;

const possible = (wanted: object) => whyImpossible(wanted) ?? true;

/** `load` on the command line. */
export function loadGrammar(parser: Argv, run: Run): Argv {
  return parser.command(
    'load <dump> [output]',
    'Make a database of a dump of gdbm_dump, db_dump or dump',
    (y) =>
      y
        .positional('dump', {
          type: 'string',
          demandOption: true,
          describe: 'The dump; - is stdin',
        })
        .positional('output', {
          type: 'string',
          describe: 'The database; by default the name that is in the dump',
        })
        .options({
          ...formats,
          ...putting,
          add: {
            type: 'boolean',
            default: false,
            describe: 'Add the records to a database that is there; it stays as NAME.~1~',
          },
          mode: { alias: 'm', type: 'string', requiresArg: true, describe: 'Permissions, in octal' },
          meta: { type: 'boolean', default: true, describe: 'Owner and mode as the dump says; or --no-meta' },
          duplicates: {
            choices: ['refuse', 'first'] as const,
            default: 'refuse' as const,
            requiresArg: true,
            describe: 'What to do with a key that comes again',
          },
        })
        .check((argv) => possible(argv))
        .check(({ output }) => noStream(output))
        .check((argv) => {
          if (!argv.add) return true;
          // A flag with a default is always there: only one that says something stands against it.
          const others = ['replace', 'mode', ...Object.keys(formats)].filter((name) => argv[name]);
          return (
            (others.length === 0 && argv.output !== undefined) ||
            'expected load --add DUMP FILE without --replace, --mode and format options: FILE stays what it is'
          );
        })
        .check(({ mode }) => mode === undefined || /^[0-7]{3,4}$/.test(mode) || 'expected --mode in octal')
        .example('$0 load flower.dump flower.db', 'From gdbm_dump, ASCII or binary')
        .example('$0 dump a.db | $0 load - b.db', 'By a pipe')
        .example('$0 load --add a.db.quarantine.~1~ a.db', 'Bring back what was set aside'),
    async (argv) =>
      run(argv.dump, async () => {
        const { loadCommand } = await import('../load.js');
        const { dump, output, mode, for: machine, ...rest } = argv;
        return loadCommand({
          ...rest,
          dump,
          output,
          machine,
          mode: mode === undefined ? undefined : parseInt(mode, 8),
        });
      })(),
  );
}

/** `convert` on the command line. */
export function convertGrammar(parser: Argv, run: Run): Argv {
  return parser.command(
    'convert <file> <output>',
    'Write a database as another kind of machine has it',
    (y) =>
      y
        .positional('file', file)
        .positional('output', { type: 'string', demandOption: true, describe: 'The new database' })
        .options({ ...formats, ...putting })
        .check((argv) => possible(argv))
        .check(({ output }) => noStream(output))
        .example('$0 convert --for arm64 amd64.db arm64.db', 'To take along to another machine')
        .example('$0 convert --variant standard a.db b.db', 'For shelve, which knows no numsync'),
    async (argv) =>
      run(argv.file, async () => {
        const { convertCommand } = await import('../convert.js');
        const { file: path, output, for: machine, ...rest } = argv;
        return convertCommand({ ...rest, file: path, output, machine });
      })(),
  );
}
