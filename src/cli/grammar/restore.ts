import type { Argv } from 'yargs';
import type { Run } from '../parser.js';
import { dryRun, json, file, snapshots, holding } from './options.js';

/** `restore` on the command line. */
export function restoreGrammar(parser: Argv, run: Run): Argv {
  return parser.command(
    'restore <file>',
    'Bring a snapshot back in the place of a database',
    (y) =>
      y
        .positional('file', file)
        .options({
          at: {
            type: 'string',
            requiresArg: true,
            describe: 'Which one: how its time or hash begins; the newest good and intact one by default',
          },
          snapshots,
          'other-database': {
            type: 'boolean',
            default: false,
            describe: 'Take one although the folder holds the snapshots of another database',
          },
          ...holding,
          'dry-run': dryRun,
          // For watch and guard, which looked before; not for people.
          'if-state': { type: 'string', requiresArg: true, hidden: true },
          json,
        })
        .check(({ wait }) => wait >= 0 || 'expected --wait SECONDS of 0 or more')
        .example(
          '$0 restore flower.db',
          'The newest good one that is intact; the file stays as flower.db.~1~',
        )
        .example('$0 restore --at 20261124T05 flower.db', 'The one that was taken then'),
    async (argv) =>
      run(argv.file, async () => {
        const { restoreCommand } = await import('../restore.js');
        const { file: path, at, wait, lock } = argv;
        return restoreCommand({
          file: path,
          at,
          dir: argv.snapshots,
          otherDatabase: argv.otherDatabase,
          wait,
          lock,
          dryRun: argv.dryRun,
          json: argv.json,
          ifState: argv.ifState,
        });
      })(),
  );
}
