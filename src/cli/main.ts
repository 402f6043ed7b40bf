import { lstat } from 'node:fs/promises';
import { setFlagsFromString } from 'node:v8';
import type { Argv } from 'yargs';
import yargs from 'yargs';
import type { Command } from './options.js';
import {
  endOutput,
  EXIT,
  hasOutput,
  OutputError,
  packageVersion,
  print,
  printReport,
  tell,
} from './terminal.js';

/** A command, as the list of commands shows it; its file is loaded only where the command line names it. */
export interface ListedCommand {
  readonly usage: string;
  /** False hides it from the help. */
  readonly describe: string | false;
  readonly load: () => Promise<{ command: Command }>;
}

export const COMMANDS: readonly ListedCommand[] = [
  {
    usage: 'check <files..>',
    describe: 'Tell what is wrong with a database; never writes',
    load: () => import('./check.js'),
  },
  {
    usage: 'doctor [file]',
    describe:
      'Tell what is wrong with the place of a database: mount, rights, room, who holds it; never writes',
    load: () => import('./doctor.js'),
  },
  {
    usage: 'repair <files..>',
    describe: 'Write a fresh database with every record that can be reached',
    load: () => import('./repair.js'),
  },
  {
    usage: 'snapshots <file>',
    describe: 'List the copies of a database that were kept while it was sound; never writes',
    load: () => import('./snapshots.js'),
  },
  {
    usage: 'restore <file>',
    describe: 'Bring a snapshot back in the place of a database',
    load: () => import('./restore.js'),
  },
  {
    usage: 'guard [file]',
    describe: 'Make a database usable, run its program, and watch the database meanwhile',
    load: () => import('./guard.js'),
  },
  {
    usage: 'watch <files..>',
    describe: 'Look at databases that are in use, keep snapshots, and repair what is damaged at rest',
    load: () => import('./watch.js'),
  },
  // For `watch` and `guard`, which look in a process of its own.
  { usage: 'look <file>', describe: false, load: () => import('./look.js') },
  {
    usage: 'salvage <file>',
    describe: 'List every record that is still in a file, and how it was found; never writes',
    load: () => import('./salvage.js'),
  },
  {
    usage: 'report <file>',
    describe: 'Write a page to look at: verdict, map, bytes, findings, records; only reads the file',
    load: () => import('./report.js'),
  },
  {
    usage: 'inspect <file> [structure] [what]',
    describe: 'Show a structure, a record or a place field by field, with file offsets',
    load: () => import('./inspect.js'),
  },
  {
    usage: 'list <file>',
    describe: 'List keys with the sizes of their values in bytes',
    load: () => import('./list.js'),
  },
  {
    usage: 'get <file> <key>',
    describe: 'Write one value to stdout as it is',
    load: () => import('./get.js'),
  },
  {
    usage: 'delete <file> <key>',
    describe: 'Remove one record of a sound database, by a fresh file as a repair does',
    load: () => import('./delete.js'),
  },
  {
    usage: 'compact <file>',
    describe: 'Write a sound database into the least space, by a fresh file as a repair does',
    load: () => import('./compact.js'),
  },
  {
    usage: 'dump <file> [output]',
    describe: 'Write every record as a dump, for gdbm_load and others',
    load: () => import('./dump.js'),
  },
  {
    usage: 'load <dump> [output]',
    describe: 'Make a database of a dump of gdbm_dump, db_dump or dump',
    load: () => import('./load.js'),
  },
  {
    usage: 'convert <file> <output>',
    describe: 'Write a database as another kind of machine has it',
    load: () => import('./convert.js'),
  },
  {
    usage: 'diff <before> <after>',
    describe: 'Tell which keys differ between two databases',
    load: () => import('./diff.js'),
  },
  {
    usage: 'latest-snapshot <even> <odd>',
    describe: "Choose between libgdbm's two crash-tolerance snapshots",
    load: () => import('./latest.js'),
  },
  {
    usage: 'completion [shell]',
    describe: 'Write a script that completes commands, options and file names in bash, zsh or fish',
    load: () => import('./completion.js'),
  },
];

/** Stands for `COMMAND --help`; it is listed, but has no run of its own. */
const HELP = { usage: 'help [command]', describe: 'Show the help of a command' };

export const COMMAND_NAMES: readonly string[] = [...COMMANDS.map(nameOf), nameOf(HELP)];

export function nameOf({ usage }: Pick<ListedCommand, 'usage'>): string {
  return usage.split(' ', 1)[0];
}

/**
 * Runs the command line.
 *
 * @param args without node and the script
 * @returns the exit code of the process
 */
export async function main(args: readonly string[]): Promise<number> {
  keepHeapSmall();
  return endOutput(await runCommandLine(await withCommand(args)));
}

/** The last major version of Node with which the flags were tried; a later one might warn of them. */
const TRIED_NODE = 24;

/**
 * Lets the heap grow by little at a time: the large things are arrays outside of it, so that a larger heap gains nothing.
 * Measured with Node 20, peak in MiB of check and repair with both flags, with the first alone, and with none:
 *
 * - 149 MB, 1.4 million records, header lost: 154 and 160; 183 and 191 with the first
 * - 10^7 records, one damaged: 142 and 149; 141 and 150 with the first; 171 and 197 with none
 * - 116 MB, 700,000 records: 83 and 84; 84 and 93 with the first; 87 and 104 with none
 *
 * The limits are 96 MiB for 100 MB and 192 MiB for any file.
 */
function keepHeapSmall(): void {
  if (Number.parseInt(process.versions.node) > TRIED_NODE) return;
  for (const flag of ['--semi-space-growth-factor=1', '--optimize-for-size']) setFlagsFromString(flag);
}

/** The command line with its command: `help NAME` is `NAME --help`, and a file alone is to be checked. */
async function withCommand(args: readonly string[]): Promise<readonly string[]> {
  const [first, ...rest] = args;
  if (first === undefined || COMMANDS.some((one) => nameOf(one) === first)) return args;
  if (first === nameOf(HELP)) return rest.length === 0 ? ['--help'] : [...rest.slice(0, 1), '--help'];
  if (args.some((word) => COMMAND_NAMES.includes(word))) return args;
  // Options may stand before the file.
  for (const word of args.filter((one) => !one.startsWith('-'))) {
    if (word.includes('/') || (await exists(word))) return ['check', ...args];
  }
  return args;
}

async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  );
}

async function runCommandLine(args: readonly string[]): Promise<number> {
  let exit: number = EXIT.ok;
  try {
    const parser = await parserFor(args, async (command, path, json) => {
      exit = await explainErrors(command, path, json);
    });
    // The text of help, version and completions. yargs would print it without noticing an error of stdout.
    let shown = '';
    await parser.parseAsync(protectWords(args), {}, (_error, _argv, text) => {
      shown = text;
    });
    if (shown !== '') await print(`${shown}\n`);
    return exit;
  } catch (error) {
    if (error instanceof OutputError) return EXIT.failed;
    if (!(error instanceof UsageError)) throw error;
    const help = COMMAND_NAMES.includes(args[0]) ? `${args[0]} --help` : '--help';
    tell(`${error.message.replace(/[^.?]$/, '$&.')} See: gdbm-doctor ${help}`);
    return args[0] === 'guard' ? (await import('../service/guard.js')).NOT_STARTED : EXIT.failed;
  }
}

/**
 * @param path the file that the command is about
 * @param json whether the failure is to be a JSON document, too, if nothing of another one was written
 */
async function explainErrors(
  command: () => Promise<number>,
  path: string | undefined,
  json: boolean,
): Promise<number> {
  try {
    return await command();
  } catch (error) {
    if (error instanceof OutputError) return EXIT.failed;
    // Loaded late: they import the rooms that throw these errors, which guard and watch must not hold in memory.
    const { explain } = await import('./work.js');
    const { code, message } = explain(error, path ?? 'the command', 'read it');
    if (json && !hasOutput()) {
      const { reportDocument, unreadableReport } = await import('../report/json.js');
      // On one line, as the lists of `salvage` are lines.
      await printReport(`${JSON.stringify(reportDocument([unreadableReport(path ?? '', code, message)]))}\n`);
    }
    tell(message);
    return EXIT.failed;
  }
}

/** A message of yargs, with the arguments of the command where one is missing. */
function inOwnWords(message: string, name: string | undefined): string {
  const { usage = '<command>' } = COMMANDS.find((one) => nameOf(one) === name) ?? {};
  return message
    .replace(/^Not enough non-option arguments:.*/, `an argument is missing: gdbm-doctor ${usage}`)
    .replace(
      /^Not enough arguments following: (.*)/,
      (_all, option: string) => `the option ${option.length > 1 ? '--' : '-'}${option} needs a value`,
    );
}

/** @throws UsageError that names an option which the command does not have */
async function requireKnownOptions(
  name: string,
  words: readonly string[],
  command: Command,
  usage: string,
): Promise<void> {
  if (!words.some((word) => /^-\D/.test(word))) return;
  const { meantOption, optionsOf, unknownOption } = await import('./optiontable.js');
  const options = optionsOf(command, usage);
  const unknown = unknownOption(words, options);
  if (unknown === undefined) return;
  const meant = meantOption(unknown, options);
  const hint = meant === undefined ? '' : `. Did you mean ${meant}?`;
  throw new UsageError(`${name} has no option ${unknown.replace(/=.*/, '')}${hint}`);
}

/** The command line itself is wrong. */
class UsageError extends Error {}

/**
 * The parser of a command line.
 *
 * @param args without node and the script
 * @param execute runs a command whose line was accepted; gets the file that it is about
 * @throws UsageError from parseAsync if the line is wrong
 */
export async function parserFor(
  args: readonly string[],
  execute: (command: () => Promise<number>, path: string | undefined, json: boolean) => Promise<void>,
): Promise<Argv> {
  const words = protectWords(args);
  const dashes = words.indexOf('--');
  const ownWords = dashes < 0 ? words : words.slice(0, dashes);
  const name = ownWords.find((word) => COMMAND_NAMES.includes(word));
  const parser = yargs(words)
    .scriptName('gdbm-doctor')
    .usage('$0 <command>\n\nReads, checks and repairs GDBM database files, without libgdbm.')
    .middleware([restoreWords, takeLast], true);
  for (const listed of COMMANDS) {
    const { usage, describe, load } = listed;
    if (!ownWords.includes(nameOf(listed))) {
      parser.command(usage, describe as string);
      continue;
    }
    const { command } = await load();
    if (nameOf(listed) === name) await requireKnownOptions(name, ownWords, command, usage);
    const first = /[<[]([a-z]+)/.exec(usage)![1];
    parser.command(usage, describe as string, command.options, (argv) => {
      const path = [argv[first] as string | string[] | undefined].flat()[0];
      return execute(() => command.run(argv), path, argv['json'] === true);
    });
  }
  parser.command(HELP.usage, HELP.describe);
  return (
    parser
      .example('$0 check flower.db', 'What is wrong with it?')
      .example('$0 repair flower.db', 'Make it usable again')
      .epilogue(
        'Exit codes: 0 healthy, or usable now; 1 damaged, a key that is not there, or over --max-loss; 2 could not do it: ' +
          'usage, I/O, locked, not GDBM. guard ends as its program does, with 125 if it does not start it.\nReports go to stdout, everything else to stderr.',
      )
      .strictCommands()
      .strict()
      .recommendCommands()
      .demandCommand(1, 'expected a command')
      .help()
      .alias('help', 'h')
      .version(await packageVersion())
      .alias('version', 'V')
      // yargs' messages are translated in part only, and the README has them in English.
      .detectLocale(false)
      // Keys may look like numbers; they are text.
      .parserConfiguration({ 'parse-positional-numbers': false, 'populate--': true })
      .wrap(80)
      .exitProcess(false)
      .fail((message, error) => {
        // Without a message a command failed. Thrown, because yargs would run the command after a failure that it told of.
        throw message ? new UsageError(inOwnWords(message, name)) : error;
      })
  );
}

/**
 * Mark before a word on its way through yargs, which makes an empty text of a lone `-` and gives no command the words
 * behind `--`. No argument of a process can hold a zero byte.
 */
const MARK = '\0';

/** Marks a lone `-`, and all that begins with a dash behind `--`; leaves the command of `guard` as it is. */
function protectWords(args: readonly string[]): string[] {
  const dashes = args.indexOf('--');
  const end = dashes < 0 ? args.length : dashes;
  const protect = (word: string) => MARK + word;
  const rest = args.slice(end + 1).map((word) => (word.startsWith('-') ? protect(word) : word));
  return [
    ...args.slice(0, end).map((word) => (word === '-' ? protect(word) : word)),
    ...(args[0] === 'guard' ? args.slice(end) : rest),
  ];
}

/** Removes the marks, wherever the parser put the words. */
function restoreWords(parsed: Record<string, unknown>): void {
  const restore = (word: unknown) => (typeof word === 'string' ? word.replace(MARK, '') : word);
  for (const [name, value] of Object.entries(parsed)) {
    parsed[name] = Array.isArray(value) ? value.map(restore) : restore(value);
  }
}

/** Arguments and options that may be given several times. */
const LISTS = ['files', 'keys', 'expectKey', 'expect-key', 'include', '_', '--'];

/**
 * Lets the last value of a repeated option count, as a script that adds its own options to a person's expects. yargs makes
 * an array of them.
 */
function takeLast(parsed: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(parsed)) {
    if (Array.isArray(value) && !LISTS.includes(name)) parsed[name] = value.at(-1);
  }
}
