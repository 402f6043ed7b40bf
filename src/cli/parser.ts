import type { Argv } from 'yargs';
import yargs from 'yargs';
import { KEY_ENCODINGS } from './get.js';
import { STRUCTURES } from './inspect.js';
import { parseExpectKeys, parseInclude, parseMaxLoss } from './limits.js';
import { FALLBACKS } from '../guard/fallbacks.js';
import { PROFILE_NAMES } from '../profile/profiles.js';
import { KEEP } from '../snapshots/prune.js';
import { packageVersion } from './version.js';

/** What the parser calls for a command, about a file. */
export type Run = (file: string | undefined, command: () => Promise<number>) => () => Promise<void>;

/**
 * The grammar of the command line. What the commands do is left to `run`, so that a test can ask whether a line is
 * accepted without doing what it says.
 *
 * @param args without node and the script
 * @param run gets a command and the file it is about, and gives what the parser is to call
 * @throws UsageError from parseAsync, where the line is wrong
 */
export async function parserFor(args: readonly string[], run: Run): Promise<Argv> {
  const json = { type: 'boolean', default: false, describe: 'One JSON document instead of text' } as const;
  const all = { type: 'boolean', default: false, describe: 'Show every finding, not the first few' } as const;
  const expectKey = {
    type: 'string',
    requiresArg: true,
    // Not an array option: that would take the file's name as a key, too.
    coerce: (keys: string | string[]) => [keys].flat(),
    describe: 'A key to look for before values without an element; may be repeated',
  } as const;
  const file = { type: 'string', demandOption: true, describe: 'A GDBM database file' } as const;

  const snapshots = {
    type: 'string',
    requiresArg: true,
    describe: 'The folder of the snapshots; .NAME.snapshots beside the file by default',
  } as const;
  const profile = {
    choices: ['auto', ...PROFILE_NAMES] as const,
    default: 'auto' as const,
    requiresArg: true,
    describe: 'The program whose database it is; auto tells it by the keys, none looks at no value',
  };

  const keep = {
    type: 'number',
    default: KEEP,
    requiresArg: true,
    describe: 'Snapshots that are kept',
  } as const;
  const watching = {
    interval: {
      type: 'number',
      default: 60,
      requiresArg: true,
      describe: 'Seconds between looks',
    },
    profile,
    snapshots,
    keep,
    'log-file': { type: 'string', requiresArg: true, describe: 'Also write the log here' },
    'log-format': {
      choices: ['text', 'json'] as const,
      default: 'text' as const,
      requiresArg: true,
      describe: 'A line of text or of JSON for each step',
    },
    'metrics-file': {
      type: 'string',
      requiresArg: true,
      describe: "Write the state here, in Prometheus' text format",
    },
    'health-file': {
      type: 'string',
      requiresArg: true,
      describe: 'A file that is there as long as the database is healthy',
    },
  } as const;
  const positive = ({ interval, keep: count }: { interval: number; keep: number }) =>
    (interval > 0 && Number.isInteger(count) && count > 0) ||
    'expected --interval SECONDS of more than 0 and --keep N of 1 or more';

  // What is behind -- belongs to the guarded program, and is not ours to read.
  const end = args[0] === 'guard' ? args.indexOf('--') : -1;
  const command = end < 0 ? [] : args.slice(end + 1);
  return (
    yargs([...(end < 0 ? args : args.slice(0, end))])
      .scriptName('gdbm-doctor')
      .usage('$0 <command>\n\nReads, checks and repairs GDBM database files, without libgdbm.')
      .command(
        'check <files..>',
        'Tell what is wrong with a database; never writes',
        (y) =>
          y
            .positional('files', { ...file, array: true })
            .options({ json, all, profile })
            .example('$0 check flower.db', 'Is it healthy, and what would libgdbm say?')
            .example('$0 check --json *.db | jq .files[].verdict', 'For programs'),
        async (argv) =>
          run(undefined, async () => {
            const { checkCommand } = await import('./check.js');
            return checkCommand({
              files: argv.files,
              json: argv.json,
              all: argv.all,
              profile: argv.profile,
            });
          })(),
      )
      .command(
        'doctor <file>',
        'Tell what is wrong with the place of a database: mount, rights, room, who holds it; never writes',
        (y) =>
          y
            .positional('file', file)
            .options({ json })
            .example('$0 doctor /data/flower.db', 'What is wrong, and the one line to do about it')
            .example('$0 doctor --json /data/flower.db | jq .files[].volume.problems', 'For programs'),
        async (argv) =>
          run(argv.file, async () => {
            const { doctorCommand } = await import('./doctor.js');
            return doctorCommand({ file: argv.file, json: argv.json });
          })(),
      )
      .command(
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
              wait: {
                type: 'number',
                default: 0,
                requiresArg: true,
                describe: 'Seconds to wait for a program that holds the file',
              },
              lock: { type: 'boolean', default: true, describe: 'Lock it as libgdbm does; or --no-lock' },
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
              json,
              all,
            })
            .check(({ wait }) => wait >= 0 || 'expected --wait SECONDS of 0 or more')
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
            const { repairCommand } = await import('./repair.js');
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
            });
          })(),
      )
      .command(
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
            const { snapshotsCommand } = await import('./snapshots.js');
            const { file: path, verify } = argv;
            return snapshotsCommand({ file: path, dir: argv.snapshots, verify, json: argv.json });
          })(),
      )
      .command(
        'restore <file>',
        'Bring a snapshot back in the place of a database',
        (y) =>
          y
            .positional('file', file)
            .options({
              at: {
                type: 'string',
                requiresArg: true,
                describe: 'Which one: how its time or hash begins; the newest good one by default',
              },
              snapshots,
              wait: {
                type: 'number',
                default: 0,
                requiresArg: true,
                describe: 'Seconds to wait for a program that holds the file',
              },
              lock: { type: 'boolean', default: true, describe: 'Lock it as libgdbm does; or --no-lock' },
              'dry-run': { type: 'boolean', default: false, describe: 'Only say what would be done' },
              json,
            })
            .check(({ wait }) => wait >= 0 || 'expected --wait SECONDS of 0 or more')
            .example('$0 restore flower.db', 'The newest good one; the file stays as flower.db.~1~')
            .example('$0 restore --at 20261124T05 flower.db', 'The one that was taken then'),
        async (argv) =>
          run(argv.file, async () => {
            const { restoreCommand } = await import('./restore.js');
            const { file: path, at, wait, lock, dryRun } = argv;
            return restoreCommand({
              file: path,
              at,
              dir: argv.snapshots,
              wait,
              lock,
              dryRun,
              json: argv.json,
            });
          })(),
      )
      .command(
        'guard [file]',
        'Make a database usable, run its program, and watch the database meanwhile',
        (y) =>
          y
            .usage('$0 guard [file] [options] -- COMMAND ARG...')
            .positional('file', {
              type: 'string',
              describe: "The database; found in the command where that is Flower's or celery beat's",
            })
            .options({
              ...watching,
              fallback: {
                choices: FALLBACKS,
                default: 'empty' as const,
                requiresArg: true,
                describe: 'Where nothing can be done: a new database, none, or no start',
              },
            })
            .check(positive)
            .check(() => command.length > 0 || 'expected a command: guard [file] [options] -- COMMAND ARG...')
            .example(
              '$0 guard -- celery flower --persistent=True --db=/data/flower',
              "As a container's entrypoint",
            )
            .example('$0 guard --interval 10 state.db -- python app.py', 'Any program'),
        async (argv) =>
          run(argv.file, async () => {
            const { guardCommand } = await import('./guard.js');
            const { file: path, interval, logFile, logFormat, metricsFile, healthFile, fallback } = argv;
            return guardCommand({
              file: path,
              command,
              fallback,
              interval,
              logFile,
              logFormat,
              metricsFile,
              healthFile,
              profile: argv.profile,
              snapshots: argv.snapshots,
              keep: argv.keep,
            });
          })(),
      )
      .command(
        'watch <files..>',
        'Look at databases that are in use, keep snapshots, and repair what is damaged at rest',
        (y) =>
          y
            .positional('files', { ...file, array: true })
            .options({
              ...watching,
              once: {
                type: 'boolean',
                default: false,
                describe: 'Look once, twice if that is needed to be sure',
              },
            })
            .check(positive)
            .example('$0 watch --interval 30 /data/flower.db', 'In a sidecar')
            .example('$0 watch --once /data/flower.db', 'From cron'),
        async (argv) =>
          run(undefined, async () => {
            const { watchCommand } = await import('./watch.js');
            const { files, interval, once, logFile, logFormat, metricsFile, healthFile } = argv;
            return watchCommand({
              files,
              once,
              interval,
              logFile,
              logFormat,
              metricsFile,
              healthFile,
              profile: argv.profile,
              snapshots: argv.snapshots,
              keep: argv.keep,
            });
          })(),
      )
      // For the two above, which look by a process of its own; not for people.
      .command(
        'look <file>',
        false,
        (y) =>
          y.positional('file', file).options({
            profile,
            snapshots,
            keep,
            snapshot: { type: 'boolean', default: true, describe: 'Keep a copy of a clean file' },
          }),
        async (argv) =>
          run(argv.file, async () => {
            const { lookCommand } = await import('./look.js');
            const { file: path, profile: wanted, snapshot, snapshots: dir, keep: count } = argv;
            return lookCommand({ path, profile: wanted, snapshot, snapshots: dir, keep: count });
          })(),
      )
      .command(
        'salvage <file>',
        'List every record that is still in a file, and how it was found; never writes',
        (y) =>
          y
            .positional('file', file)
            .options({
              deleted: { type: 'boolean', default: false, describe: 'Also what was deleted or replaced' },
              carve: {
                type: 'boolean',
                default: false,
                describe: 'Also values that only their own shape tells: Python pickles',
              },
              'expect-key': expectKey,
              json: { ...json, describe: 'A line of JSON for each record' },
            })
            .example('$0 salvage broken.db', 'What is there, wherever it is')
            .example('$0 salvage --carve --expect-key events flower.db', 'Values whose elements are gone')
            .example('$0 salvage --deleted --json case.db > records.ndjson', 'For an examiner'),
        async (argv) =>
          run(argv.file, async () => {
            const { salvageCommand } = await import('./salvage.js');
            return salvageCommand({
              file: argv.file,
              deleted: argv.deleted,
              carve: argv.carve,
              expectKeys: parseExpectKeys(argv.expectKey),
              json: argv.json,
            });
          })(),
      )
      .command(
        'inspect <file> [structure] [slot]',
        'Show a structure field by field, with file offsets',
        (y) =>
          y
            .positional('file', file)
            .positional('structure', {
              choices: STRUCTURES,
              default: 'header' as const,
              describe: 'Which structure',
            })
            .positional('slot', {
              type: 'number',
              default: 0,
              describe: 'For bucket: the directory slot that leads to it',
            })
            .options({ json })
            .example('$0 inspect flower.db', 'The header')
            .example('$0 inspect flower.db bucket 5', 'The bucket that slot 5 leads to'),
        async (argv) =>
          run(argv.file, async () => {
            const { inspectCommand } = await import('./inspect.js');
            const { file: path, structure, slot } = argv;
            return inspectCommand({ file: path, structure, slot, json: argv.json });
          })(),
      )
      .command(
        'list <file>',
        'List keys with the sizes of their values in bytes',
        (y) =>
          y
            .positional('file', file)
            .options({ json })
            .example('$0 list flower.db', 'One key a line, unprintable bytes as \\xNN'),
        async (argv) =>
          run(argv.file, async () => {
            const { listCommand } = await import('./list.js');
            return listCommand({ file: argv.file, json: argv.json });
          })(),
      )
      .command(
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
            const { getCommand } = await import('./get.js');
            return getCommand({ file: argv.file, key: argv.key, encoding: argv.keyEncoding });
          })(),
      )
      .command(
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
            const { dumpCommand } = await import('./dump.js');
            return dumpCommand({ file: argv.file });
          })(),
      )
      .example('$0 check flower.db', 'What is wrong with it?')
      .example('$0 repair flower.db', 'Make it usable again')
      .epilogue(
        'Exit codes: 0 healthy, or usable now; 1 damaged, a key that is not there, or over --max-loss; 2 could not do it: ' +
          'usage, I/O, locked, not GDBM.\nReports go to stdout, everything else to stderr.',
      )
      .strict()
      .demandCommand(1, 'expected a command')
      .help()
      .alias('help', 'h')
      .version(await packageVersion())
      // Half of a text in another language helps nobody, and is not what the README says.
      .detectLocale(false)
      // Keys may look like numbers; they are text.
      .parserConfiguration({ 'parse-positional-numbers': false })
      .wrap(80)
      .exitProcess(false)
      .fail((message, error) => {
        // With a message the command line is wrong; without one a command failed.
        throw message ? new UsageError(message) : error;
      })
  );
}

/** The command line itself is wrong. Thrown, because yargs goes on with the command after a failure it told of. */
export class UsageError extends Error {}
