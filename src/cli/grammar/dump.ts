import type { Argv } from 'yargs';
import { MACHINE_NAMES } from '../../format/machines.js';
import type { Run } from '../parser.js';
import { file, keys } from './options.js';

/** `dump` on the command line. */
export function dumpGrammar(parser: Argv, run: Run): Argv {
  return parser.command(
    'dump <file> [output]',
    'Write every record as a dump, for gdbm_load and others',
    (y) =>
      y
        .positional('file', file)
        .positional('output', {
          type: 'string',
          describe: 'Where to; - or nothing is stdout',
        })
        .options({
          format: {
            alias: 'H',
            choices: ['ndjson', 'ascii', 'binary', 'csv', '0', '1'] as const,
            default: 'ndjson' as const,
            requiresArg: true,
            describe: 'The form; 0 and 1 are binary and ascii, as for gdbm_dump',
          },
          keys,
          for: {
            choices: MACHINE_NAMES,
            requiresArg: true,
            describe: 'The kind of machine whose gdbm_load is to read a binary dump',
          },
        })
        .example('$0 dump flower.db --format ascii flower.dump', 'For gdbm_load')
        .example("$0 dump flower.db --keys 'task-*' > tasks.ndjson", 'Some keys, a line each'),
    async (argv) =>
      run(argv.file, async () => {
        const { dumpCommand } = await import('../dump.js');
        const { file: path, output, format } = argv;
        return dumpCommand({ file: path, output, format, keys: argv.keys, machine: argv.for });
      })(),
  );
}
