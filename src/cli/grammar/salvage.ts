import type { Argv } from 'yargs';
import { parseExpectKeys } from '../limits.js';
import type { Run } from '../parser.js';
import { expectKey, file, hash, json } from './options.js';

/** `salvage` on the command line. */
export function salvageGrammar(parser: Argv, run: Run): Argv {
  return parser.command(
    'salvage <file>',
    'List every record that is still in a file, and how it was found; never writes',
    (y) =>
      y
        .positional('file', file)
        .options({
          deleted: {
            type: 'boolean',
            default: false,
            describe: 'Also what was deleted or replaced, what overwrote it, and how sure it is',
          },
          carve: {
            type: 'boolean',
            default: false,
            describe: 'Also values that only their own shape tells: Python pickles',
          },
          'expect-key': expectKey,
          hash: {
            ...hash,
            describe: 'SHA-256 of the file before and after, and of each value; how it was made',
          },
          json: { ...json, describe: 'A line of JSON for each record' },
        })
        .example('$0 salvage broken.db', 'What is there, wherever it is')
        .example('$0 salvage --carve --expect-key events flower.db', 'Values whose elements are gone')
        .example('$0 salvage --deleted --json case.db > records.ndjson', 'For an examiner'),
    async (argv) =>
      run(argv.file, async () => {
        const { salvageCommand } = await import('../salvage.js');
        return salvageCommand({
          file: argv.file,
          deleted: argv.deleted,
          carve: argv.carve,
          expectKeys: parseExpectKeys(argv.expectKey),
          hash: argv.hash,
          json: argv.json,
        });
      })(),
  );
}
