import type { Argv } from 'yargs';
import { judgeWords, STRUCTURES } from './inspectwords.js';
import { KEY_ENCODINGS } from './keyencoding.js';
import type { Run } from '../parser.js';
import { all, file, hash, json } from './options.js';

/** `inspect` on the command line. */
export function inspectGrammar(parser: Argv, run: Run): Argv {
  return parser.command(
    'inspect <file> [structure] [what]',
    'Show a structure, a record or a place field by field, with file offsets',
    (y) =>
      y
        .positional('file', file)
        .positional('structure', {
          choices: STRUCTURES,
          default: 'header' as const,
          describe: 'What to look at',
        })
        .positional('what', {
          type: 'string',
          describe: 'For bucket: a directory slot; hash and record: a key; at: a file offset',
        })
        .options({
          json,
          all: { ...all, describe: 'With map: each range, not the first few' },
          hash,
          'key-encoding': {
            choices: KEY_ENCODINGS,
            default: 'utf8' as const,
            requiresArg: true,
            describe: 'How the key is written',
          },
        })
        .check(({ structure, what }) => judgeWords(structure, what))
        .example('$0 inspect flower.db', 'The header')
        .example('$0 inspect flower.db bucket 5', 'The bucket that slot 5 leads to')
        .example('$0 inspect flower.db at 0x2000', 'What is there, and why')
        .example('$0 inspect flower.db record events', 'How a lookup goes, step by step'),
    async (argv) =>
      run(argv.file, async () => {
        const { inspectCommand } = await import('../inspect.js');
        const { file: path, structure, what, keyEncoding: encoding } = argv;
        const { json: asJson, all: each, hash: hashed } = argv;
        return inspectCommand({
          file: path,
          structure,
          what,
          encoding,
          json: asJson,
          all: each,
          hash: hashed,
        });
      })(),
  );
}
