import { resolve } from 'node:path';
import type { Argv } from 'yargs';
import { parseExpectKeys, parseInclude, parseMaxLoss } from '../limits.js';
import type { Run } from '../parser.js';
import { all, expectKey, file, holding, json, noStream, profile } from './options.js';

/** `repair` on the command line. */
export function repairGrammar(parser: Argv, run: Run): Argv {
  return parser.command(
    'repair <file>',
    'Write a fresh database with every record that can be reached',
    (y) =>
      y
        .positional('file', file)
        .options({
          output: {
            alias: 'o',
            type: 'string',
            requiresArg: true,
            describe: 'Write it here and leave the file as it is',
          },
          'dry-run': { type: 'boolean', default: false, describe: 'Only say what would be done' },
          backup: {
            type: 'boolean',
            default: true,
            describe: 'Keep the file as FILE.~1~; or --no-backup',
          },
          ...holding,
          include: {
            type: 'string',
            requiresArg: true,
            describe:
              'Add what may be old, where nothing better has the key: stale, deleted, carved, or several: a,b',
          },
          quarantine: {
            type: 'string',
            requiresArg: true,
            describe: 'Write what was found but not kept here, as lines of JSON',
          },
          'expect-key': expectKey,
          profile,
          'max-loss': {
            type: 'string',
            requiresArg: true,
            describe: 'Write nothing if more is lost: a number of records or N%',
          },
          // For watch and guard, which looked before; not for people.
          'if-state': { type: 'string', requiresArg: true, hidden: true },
          json,
          all,
        })
        .check(({ wait }) => wait >= 0 || 'expected --wait SECONDS of 0 or more')
        .check(({ output, quarantine }) => noStream(output, quarantine))
        .check(
          ({ output, quarantine }) =>
            output === undefined ||
            quarantine === undefined ||
            resolve(output) !== resolve(quarantine) ||
            'expected --output and --quarantine to be two files, found one name for both',
        )
        .check(({ maxLoss, include }) => {
          parseMaxLoss(maxLoss as string | undefined);
          parseInclude(include);
          return true;
        })
        .example('$0 repair flower.db', 'The old file stays as flower.db.~1~')
        .example('$0 repair flower.db -o fixed.db', 'Leave flower.db alone')
        .example('$0 repair --max-loss 1% flower.db', 'Only if nearly all comes back')
        .example('$0 repair --include carved flower.db', 'Also values that only their shape tells')
        .example('$0 repair --wait 30 flower.db', 'Wait for the program that has it open'),
    async (argv) =>
      run(argv.file, async () => {
        const { repairCommand } = await import('../repair.js');
        const { file: path, output, dryRun, backup, wait, lock } = argv;
        return repairCommand({
          file: path,
          dryRun,
          backup,
          wait,
          lock,
          json: argv.json,
          all: argv.all,
          profile: argv.profile,
          ...(output !== undefined && { output }),
          ...(argv.quarantine !== undefined && { quarantine: argv.quarantine }),
          include: parseInclude(argv.include),
          expectKeys: parseExpectKeys(argv.expectKey),
          maxLoss: parseMaxLoss(argv.maxLoss),
          ifState: argv.ifState,
        });
      })(),
  );
}
