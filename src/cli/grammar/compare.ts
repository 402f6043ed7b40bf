import type { Argv } from 'yargs';
import type { Run } from '../parser.js';
import { json } from './options.js';

/* The commands about two files. */

/** `latest-snapshot` on the command line. */
export function latestGrammar(parser: Argv, run: Run): Argv {
  return parser.command(
    'latest-snapshot <even> <odd>',
    "Choose between libgdbm's two crash-tolerance snapshots",
    (y) =>
      y
        .positional('even', { type: 'string', demandOption: true, describe: 'One snapshot' })
        .positional('odd', { type: 'string', demandOption: true, describe: 'The other' })
        .options({ json })
        .example('$0 latest-snapshot even.db odd.db', 'From which to recover, and why'),
    async (argv) =>
      run(argv.even, async () => {
        const { latestCommand } = await import('../latest.js');
        return latestCommand({ even: argv.even, odd: argv.odd, json: argv.json });
      })(),
  );
}

/** `diff` on the command line. */
export function diffGrammar(parser: Argv, run: Run): Argv {
  return parser.command(
    'diff <before> <after>',
    'Tell which keys differ between two databases',
    (y) =>
      y
        .positional('before', { type: 'string', demandOption: true, describe: 'A GDBM database file' })
        .positional('after', { type: 'string', demandOption: true, describe: 'Another, of any kind' })
        .options({ json })
        .example('$0 diff flower.db.~1~ flower.db', '- is gone, + is new, ~ has another value'),
    async (argv) =>
      run(argv.before, async () => {
        const { diffCommand } = await import('../diff.js');
        return diffCommand({ before: argv.before, after: argv.after, json: argv.json });
      })(),
  );
}
