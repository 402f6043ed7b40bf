import type { Argv } from 'yargs';
import type { Run } from '../parser.js';
import { all, file, forMachine, hash, json, profile } from './options.js';

/** `check` on the command line. */
export function checkGrammar(parser: Argv, run: Run): Argv {
  return parser.command(
    'check <files..>',
    'Tell what is wrong with a database; never writes',
    (y) =>
      y
        .positional('files', { ...file, array: true })
        .options({ json, all, profile, hash, for: forMachine })
        .example('$0 check flower.db', 'Is it healthy, and what would libgdbm say?')
        .example('$0 check --json *.db | jq .files[].verdict', 'For programs'),
    async (argv) =>
      run(undefined, async () => {
        const { checkCommand } = await import('../check.js');
        return checkCommand({
          files: argv.files,
          json: argv.json,
          all: argv.all,
          hash: argv.hash,
          profile: argv.profile,
          machine: argv.for,
        });
      })(),
  );
}
