import type { Argv } from 'yargs';
import type { Run } from '../parser.js';
import { file } from './options.js';

/** `dump` on the command line. */
export function dumpGrammar(parser: Argv, run: Run): Argv {
  return parser.command(
    'dump <file>',
    'Write every record as a line of JSON, key and value in base64',
    (y) =>
      y
        .positional('file', file)
        .options({
          format: {
            choices: ['ndjson'] as const,
            default: 'ndjson' as const,
            describe: 'The form of the dump',
          },
        })
        .example('$0 dump flower.db --format ndjson > flower.ndjson', 'Everything into a file'),
    async (argv) =>
      run(argv.file, async () => {
        const { dumpCommand } = await import('../dump.js');
        return dumpCommand({ file: argv.file });
      })(),
  );
}
