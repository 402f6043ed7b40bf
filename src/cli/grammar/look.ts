import type { Argv } from 'yargs';
import type { Run } from '../parser.js';
import { file, snapshots, profile, keep } from './options.js';

/** For watch and guard, which look by a process of its own; not for people. */
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
      }),
    async (argv) =>
      run(argv.file, async () => {
        const { lookCommand } = await import('../look.js');
        const { file: path, profile: wanted, snapshot, snapshots: dir, keep: count } = argv;
        return lookCommand({ path, profile: wanted, snapshot, snapshots: dir, keep: count });
      })(),
  );
}
