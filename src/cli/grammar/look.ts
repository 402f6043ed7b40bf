import type { Argv } from 'yargs';
import type { Run } from '../parser.js';
import { file, snapshots, profile, keep } from './options.js';

/** The command by which watch and guard look, in a process of its own; not for people. */
export function lookGrammar(parser: Argv, run: Run): Argv {
  return parser.command(
    'look <file>',
    false,
    (y) =>
      y.positional('file', file).options({
        profile,
        snapshots,
        keep,
        snapshot: { type: 'boolean', default: true, describe: 'Keep a copy of a clean file' },
        holders: {
          type: 'boolean',
          default: false,
          describe: 'Say of a clean file, too, whether it is locked',
        },
      }),
    async (argv) =>
      run(argv.file, async () => {
        const { lookCommand } = await import('../look.js');
        const { file: path, profile: wanted, snapshot, holders, snapshots: dir, keep: count } = argv;
        return lookCommand({ path, profile: wanted, snapshot, holders, snapshots: dir, keep: count });
      })(),
  );
}
