import type { Argv } from 'yargs';
import type { Run } from '../parser.js';
import { json, file, snapshots } from './options.js';

/** `snapshots` on the command line. */
export function snapshotsGrammar(parser: Argv, run: Run): Argv {
  return parser.command(
    'snapshots <file>',
    'List the copies of a database that were kept while it was sound; never writes',
    (y) =>
      y
        .positional('file', file)
        .options({
          snapshots,
          verify: { type: 'boolean', default: false, describe: 'Read each one and compare its hash' },
          json,
        })
        .example('$0 snapshots flower.db', 'When, how many records, how large')
        .example('$0 snapshots --json flower.db | jq .files[].snapshots[].id', 'For programs'),
    async (argv) =>
      run(argv.file, async () => {
        const { snapshotsCommand } = await import('../snapshots.js');
        const { file: path, verify } = argv;
        return snapshotsCommand({ file: path, dir: argv.snapshots, verify, json: argv.json });
      })(),
  );
}
