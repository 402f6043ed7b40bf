import type { Argv } from 'yargs';
import type { Run } from '../parser.js';
import { KEY_ENCODINGS } from './keyencoding.js';
import { backup, dryRun, file, holding, json, noStream, output } from './options.js';

/** `delete` on the command line. */
export function deleteGrammar(parser: Argv, run: Run): Argv {
  return parser.command(
    'delete <file> <key>',
    'Remove one record of a sound database, by a fresh file as a repair does',
    (y) =>
      y
        .positional('file', file)
        .positional('key', { type: 'string', demandOption: true, describe: 'The key' })
        .options({
          'key-encoding': {
            choices: KEY_ENCODINGS,
            default: 'utf8' as const,
            requiresArg: true,
            describe: 'How the key is written',
          },
          output,
          'dry-run': dryRun,
          backup,
          ...holding,
          json,
        })
        .check(({ wait }) => wait >= 0 || 'expected --wait SECONDS of 0 or more')
        .check((argv) => noStream(argv.output))
        .example('$0 delete jobs.db job-17', 'The old file stays as jobs.db.~1~')
        .example('$0 delete --key-encoding hex jobs.db fffe6b6579', 'A key that is not text'),
    async (argv) =>
      run(argv.file, async () => {
        const { deleteCommand } = await import('../delete.js');
        const { file: path, key, keyEncoding: encoding, dryRun: isDry, wait, lock } = argv;
        return deleteCommand({
          file: path,
          key,
          encoding,
          dryRun: isDry,
          backup: argv.backup,
          wait,
          lock,
          json: argv.json,
          ...(argv.output !== undefined && { output: argv.output }),
        });
      })(),
  );
}
