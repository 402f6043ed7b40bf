import type { Argv } from 'yargs';
import yargs from 'yargs';
import { checkGrammar } from './grammar/check.js';
import { deleteGrammar } from './grammar/delete.js';
import { doctorGrammar } from './grammar/doctor.js';
import { dumpGrammar } from './grammar/dump.js';
import { getGrammar } from './grammar/get.js';
import { guardGrammar } from './grammar/guard.js';
import { inspectGrammar } from './grammar/inspect.js';
import { listGrammar } from './grammar/list.js';
import { lookGrammar } from './grammar/look.js';
import { diffGrammar, latestGrammar } from './grammar/compare.js';
import { convertGrammar, loadGrammar } from './grammar/make.js';
import { repairGrammar } from './grammar/repair.js';
import { reportGrammar } from './grammar/report.js';
import { restoreGrammar } from './grammar/restore.js';
import { salvageGrammar } from './grammar/salvage.js';
import { snapshotsGrammar } from './grammar/snapshots.js';
import { watchGrammar } from './grammar/watch.js';
import { giveWordsBack, saveWords, takeLast } from './grammar/words.js';
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
  const command = args.slice(endOfWords(args) + 1);
  const parser = yargs(wordsOf(args))
    .scriptName('gdbm-doctor')
    .usage('$0 <command>\n\nReads, checks and repairs GDBM database files, without libgdbm.');
  keepNoHelp(parser);
  parser.middleware([giveWordsBack, takeLast], true);
  checkGrammar(parser, run);
  doctorGrammar(parser, run);
  repairGrammar(parser, run);
  snapshotsGrammar(parser, run);
  restoreGrammar(parser, run);
  guardGrammar(parser, run, command);
  watchGrammar(parser, run);
  lookGrammar(parser, run);
  salvageGrammar(parser, run);
  reportGrammar(parser, run);
  inspectGrammar(parser, run);
  listGrammar(parser, run);
  getGrammar(parser, run);
  deleteGrammar(parser, run);
  dumpGrammar(parser, run);
  loadGrammar(parser, run);
  convertGrammar(parser, run);
  diffGrammar(parser, run);
  latestGrammar(parser, run);
  return (
    parser
      .example('$0 check flower.db', 'What is wrong with it?')
      .example('$0 repair flower.db', 'Make it usable again')
      .epilogue(
        'Exit codes: 0 healthy, or usable now; 1 damaged, a key that is not there, or over --max-loss; 2 could not do it: ' +
          'usage, I/O, locked, not GDBM.\nReports go to stdout, everything else to stderr.',
      )
      .completion('completion', 'Write a script that completes commands in bash or zsh')
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

/** The words of a command line that are read here, as the parser takes them. */
export function wordsOf(args: readonly string[]): string[] {
  return saveWords(args.slice(0, endOfWords(args)));
}

/** The index of the `--` of guard: the words behind it belong to the guarded program. */
function endOfWords(args: readonly string[]): number {
  const end = args[0] === 'guard' ? args.indexOf('--') : -1;
  return end < 0 ? args.length : end;
}

/** Of yargs what its types do not tell. */
interface WithUsage {
  getInternalMethods(): {
    getUsageInstance(): { cacheHelpMessage: () => void };
    getCommandInstance(): { getCommands(): string[] };
  };
}

/** The names of the commands that a parser knows. */
export function commandsOf(parser: Argv): string[] {
  return (parser as unknown as WithUsage).getInternalMethods().getCommandInstance().getCommands();
}

/**
 * Once a command has begun yargs writes its help, in case that it fails and the help is asked for: that takes a twentieth of
 * the time of a small check, and nothing here asks for it then.
 */
function keepNoHelp(parser: Argv): void {
  (parser as unknown as WithUsage).getInternalMethods().getUsageInstance().cacheHelpMessage = () => {};
}

/** The command line itself is wrong. Thrown, because yargs goes on with the command after a failure it told of. */
export class UsageError extends Error {}
