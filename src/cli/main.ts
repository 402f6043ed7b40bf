import { EXIT } from './exit.js';
import { commandsOf, parserFor, UsageError, wordsOf } from './parser.js';
import { endOutput, OutputError, print, tell } from './terminal.js';
import { usageText } from './usage.js';
import { keepYoungHeapSmall } from './heap.js';

/**
 * Runs the command line.
 *
 * @param args without node and the script
 * @returns what the process is to end with
 */
export async function main(args: readonly string[]): Promise<number> {
  keepYoungHeapSmall();
  return endOutput(await runCommand(args));
}

async function runCommand(args: readonly string[]): Promise<number> {
  let exit: number = EXIT.ok;
  const parser = await parserFor(args, (file, command) => async () => {
    exit = await guarded(file, command);
  });
  // The parser forgets them once it is in one of them.
  const commands = commandsOf(parser);
  try {
    // Help, the version and completions: the parser's own way to stdout says of no error.
    let shown = '';
    await parser.parseAsync(wordsOf(args), {}, (_error, _argv, text) => {
      shown = text;
    });
    if (shown !== '') await print(`${shown}\n`);
    return exit;
  } catch (error) {
    if (error instanceof OutputError) return EXIT.failed;
    if (!(error instanceof UsageError)) throw error;
    tell(usageText(error.message, args, commands));
    return EXIT.failed;
  }
}

async function guarded(file: string | undefined, command: () => Promise<number>): Promise<number> {
  try {
    return await command();
  } catch (error) {
    if (error instanceof OutputError) return EXIT.failed;
    // Only now: it knows every error there is, and the parts that throw them, which guard and watch must not hold for ever.
    const { explain } = await import('./explain.js');
    tell(explain(error, file ?? 'the command', 'read it').message);
    return EXIT.failed;
  }
}
