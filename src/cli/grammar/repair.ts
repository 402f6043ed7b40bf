import { resolve } from 'node:path';
import type { Argv } from 'yargs';
import { parseExpectKeys, parseInclude, parseMaxLoss } from '../limits.js';
import type { Run } from '../parser.js';
import {
  all,
  backup,
  dryRun,
  expectKey,
  file,
  forMachine,
  holding,
  json,
  noStream,
  output,
  profile,
} from './options.js';

/** `repair` on the command line. */
export function repairGrammar(parser: Argv, run: Run): Argv {
  return parser.command(
    'repair <file>',
    'Write a fresh database with every record that can be reached',
    (y) =>
      y
        .positional('file', file)
        .options({
          output,
          'dry-run': dryRun,
          backup,
          ...holding,
          include: {
            type: 'string',
            requiresArg: true,
            describe:
              'Add what may be old, where nothing better has the key: stale, deleted, carved, or several: a,b',
          },
          empty: {
            type: 'boolean',
            default: false,
            describe: 'Write a database without records although a copy beside the file has some',
          },
          quarantine: {
            type: 'string',
            requiresArg: true,
            describe: 'Write what was found but not kept here, as lines of JSON',
          },
          'expect-key': expectKey,
          profile,
          'keep-unloadable': {
            type: 'boolean',
            default: false,
            describe: 'Keep records that the program cannot load; else they go to FILE.quarantine.~1~',
          },
          // For watch and guard, who leave as much as its program starts with; not for people.
          'only-fatal': { type: 'boolean', default: false, hidden: true },
          for: forMachine,
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
        .check((argv) => noStream(argv.output, argv.quarantine))
        .check(
          (argv) =>
            argv.output === undefined ||
            argv.quarantine === undefined ||
            resolve(argv.output) !== resolve(argv.quarantine) ||
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
        .example('$0 repair --for amd64 arm64.db', 'Use a database here that another kind of machine wrote')
        .example('$0 repair --wait 30 flower.db', 'Wait for the program that has it open'),
    async (argv) =>
      run(argv.file, async () => {
        const { repairCommand } = await import('../repair.js');
        const { file: path, wait, lock } = argv;
        return repairCommand({
          file: path,
          dryRun: argv.dryRun,
          backup: argv.backup,
          wait,
          lock,
          json: argv.json,
          all: argv.all,
          profile: argv.profile,
          ...(argv.output !== undefined && { output: argv.output }),
          machine: argv.for,
          ...(argv.quarantine !== undefined && { quarantine: argv.quarantine }),
          include: parseInclude(argv.include),
          expectKeys: parseExpectKeys(argv.expectKey),
          leaveOut: argv.keepUnloadable ? 'nothing' : argv.onlyFatal ? 'fatal' : 'unloadable',
          maxLoss: parseMaxLoss(argv.maxLoss),
          empty: argv.empty,
          ifState: argv.ifState,
        });
      })(),
  );
}
