import type { Argv } from 'yargs';
import { KEY_ENCODINGS } from './keyencoding.js';
import type { Run } from '../parser.js';
import { file } from './options.js';

/** `get` on the command line. */
export function getGrammar(parser: Argv, run: Run): Argv {
  return parser.command(
    'get <file> <key>',
    'Write one value to stdout as it is',
    (y) =>
      y
        .positional('file', file)
        .positional('key', { type: 'string', demandOption: true, describe: 'The key' })
        .options({
          'key-encoding': {
            choices: KEY_ENCODINGS,
            default: 'utf8' as const,
            describe: 'How the key is written',
          },
        })
        .example('$0 get flower.db events > events.pickle', 'One value into a file')
        .example('$0 get --key-encoding hex some.db 00ff', 'A key that is not text')
        .example('$0 get --key-encoding hex some.db 2d78', 'The key -x'),
    async (argv) =>
      run(argv.file, async () => {
        const { getCommand } = await import('../get.js');
        return getCommand({ file: argv.file, key: argv.key, encoding: argv.keyEncoding });
      })(),
  );
}
