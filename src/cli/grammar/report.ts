import type { Argv } from 'yargs';
import type { Run } from '../parser.js';
import { file, hash, profile } from './options.js';

/** `report` on the command line. */
export function reportGrammar(parser: Argv, run: Run): Argv {
  return parser.command(
    'report <file>',
    'Write a page to look at: verdict, map, bytes, findings, records; only reads the file',
    (y) =>
      y
        .positional('file', file)
        .options({
          html: {
            type: 'string',
            demandOption: true,
            requiresArg: true,
            describe: 'Where the page goes; - is stdout',
          },
          hash,
          profile,
        })
        .example('$0 report flower.db --html flower.html', 'One file, for any browser')
        .example('$0 report case.db --html case.html --hash', 'For an examiner'),
    async (argv) =>
      run(argv.file, async () => {
        const { reportCommand } = await import('../report.js');
        return reportCommand({ file: argv.file, html: argv.html, hash: argv.hash, profile: argv.profile });
      })(),
  );
}
