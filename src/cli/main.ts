import { readFile } from 'node:fs/promises';
import yargs from 'yargs';
import { EXIT, explain } from './exit.js';
import { KEY_ENCODINGS } from './get.js';
import { STRUCTURES } from './inspect.js';
import { tell } from './terminal.js';

/**
 * Runs the command line.
 *
 * @param args without node and the script
 * @returns what the process is to end with
 */
export async function main(args: readonly string[]): Promise<number> {
  let exit: number = EXIT.ok;
  const run = (file: string | undefined, command: () => Promise<number>) => async () => {
    exit = await guarded(file, command);
  };
  const json = { type: 'boolean', default: false, describe: 'One JSON document instead of text' } as const;
  const all = { type: 'boolean', default: false, describe: 'Show every finding, not the first few' } as const;
  const file = { type: 'string', demandOption: true, describe: 'A GDBM database file' } as const;

  const parser = yargs([...args])
    .scriptName('gdbm-doctor')
    .usage('$0 <command>\n\nReads, checks and repairs GDBM database files, without libgdbm.')
    .command(
      'check <files..>',
      'Tell what is wrong with a database; never writes',
      (y) =>
        y
          .positional('files', { ...file, array: true })
          .options({ json, all })
          .example('$0 check flower.db', 'Is it healthy, and what would libgdbm say?')
          .example('$0 check --json *.db | jq .files[].verdict', 'For programs'),
      async (argv) =>
        run(undefined, async () => {
          const { checkCommand } = await import('./check.js');
          return checkCommand({ files: argv.files, json: argv.json, all: argv.all });
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
            backup: { type: 'boolean', default: true, describe: 'Keep the file as FILE.~1~; or --no-backup' },
            wait: {
              type: 'number',
              default: 0,
              requiresArg: true,
              describe: 'Seconds to wait for a program that holds the file',
            },
            lock: { type: 'boolean', default: true, describe: 'Lock it as libgdbm does; or --no-lock' },
            json,
            all,
          })
          .check(({ wait }) => wait >= 0 || 'expected --wait SECONDS of 0 or more')
          .example('$0 repair flower.db', 'The old file stays as flower.db.~1~')
          .example('$0 repair flower.db -o fixed.db', 'Leave flower.db alone')
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
            ...(output !== undefined && { output }),
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
      'Exit codes: 0 healthy, or usable now; 1 damaged, or a key that is not there; 2 could not do it: ' +
        'usage, I/O, locked, not GDBM.\nReports go to stdout, everything else to stderr.',
    )
    .strict()
    .demandCommand(1, 'expected a command')
    .help()
    .alias('help', 'h')
    .version(await packageVersion())
    // Keys may look like numbers; they are text.
    .parserConfiguration({ 'parse-positional-numbers': false })
    .wrap(80)
    .exitProcess(false)
    .fail((message, error) => {
      // With a message the command line is wrong; without one a command failed.
      throw message ? new UsageError(message) : error;
    });
  try {
    await parser.parseAsync();
    return exit;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    tell(`${error.message}. See: gdbm-doctor --help`);
    return EXIT.failed;
  }
}

/** The command line itself is wrong. Thrown, because yargs goes on with the command after a failure it told of. */
class UsageError extends Error {}

async function guarded(file: string | undefined, command: () => Promise<number>): Promise<number> {
  try {
    return await command();
  } catch (error) {
    // The reader of a pipe has seen enough, as in `list | head`.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return EXIT.ok;
    tell(explain(error, file ?? 'the command', 'read it').message);
    return EXIT.failed;
  }
}

async function packageVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
