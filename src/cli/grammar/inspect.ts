import type { Argv } from 'yargs';
import type { Run } from '../parser.js';
import { json, file } from './options.js';

/** What can be looked at. */
export const STRUCTURES = ['header', 'directory', 'bucket', 'avail'] as const;
export type StructureName = (typeof STRUCTURES)[number];

/** `inspect` on the command line. */
export function inspectGrammar(parser: Argv, run: Run): Argv {
  return parser.command(
    'inspect <file> [structure] [slot]',
    'Show a structure field by field, with file offsets',
    (y) =>
      y
        .positional('file', file)
        .positional('structure', {
          choices: STRUCTURES,
          default: 'header' as const,
          describe: 'Which structure',
        })
        .positional('slot', {
          type: 'number',
          default: 0,
          describe: 'For bucket: the directory slot that leads to it',
        })
        .options({ json })
        .example('$0 inspect flower.db', 'The header')
        .example('$0 inspect flower.db bucket 5', 'The bucket that slot 5 leads to'),
    async (argv) =>
      run(argv.file, async () => {
        const { inspectCommand } = await import('../inspect.js');
        const { file: path, structure, slot } = argv;
        return inspectCommand({ file: path, structure, slot, json: argv.json });
      })(),
  );
}
