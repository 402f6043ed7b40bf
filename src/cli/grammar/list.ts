import type { Argv } from 'yargs';
import type { Run } from '../parser.js';
import { json, file } from './options.js';

/** `list` on the command line. */
export function listGrammar(parser: Argv, run: Run): Argv {
  return parser.command(
    'list <file>',
    'List keys with the sizes of their values in bytes',
    (y) =>
      y
        .positional('file', file)
        .options({ json })
        .example('$0 list flower.db', 'One key a line, unprintable bytes as \\xNN'),
    async (argv) =>
      run(argv.file, async () => {
        const { listCommand } = await import('../list.js');
        return listCommand({ file: argv.file, json: argv.json });
      })(),
  );
}
