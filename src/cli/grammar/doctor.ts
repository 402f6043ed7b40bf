import type { Argv } from 'yargs';
import type { Run } from '../parser.js';
import { file, forMachine, json } from './options.js';

/** `doctor` on the command line. */
export function doctorGrammar(parser: Argv, run: Run): Argv {
  return parser.command(
    'doctor <file>',
    'Tell what is wrong with the place of a database: mount, rights, room, who holds it; never writes',
    (y) =>
      y
        .positional('file', file)
        .options({ json, for: forMachine })
        .example('$0 doctor /data/flower.db', 'What is wrong, and the one line to do about it')
        .example('$0 doctor --json /data/flower.db | jq .files[].volume.problems', 'For programs'),
    async (argv) =>
      run(argv.file, async () => {
        const { doctorCommand } = await import('../doctor.js');
        return doctorCommand({ file: argv.file, json: argv.json, machine: argv.for });
      })(),
  );
}
