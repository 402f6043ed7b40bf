import { jsonText } from '../report/escape.js';
import { lookOnce } from '../service/lookonce.js';
import { defineCommand, file, profile, snapshots } from './options.js';
import { EXIT, print } from './terminal.js';
import { keep, maxBytes } from './watch.js';

/** Looks once at a database, for `watch` and `guard`: prints a line of JSON, see `Look`. */
export const command = defineCommand(
  (parser) =>
    parser.positional('file', file).options({
      profile,
      snapshots,
      keep,
      'max-bytes': maxBytes,
      snapshot: { type: 'boolean', default: true, describe: 'Keep a copy of a clean file' },
      holders: {
        type: 'boolean',
        default: false,
        describe: 'Say of a clean file, too, whether it is locked',
      },
      'snapshot-for': {
        type: 'string',
        requiresArg: true,
        describe: 'Keep the copy as a snapshot of this database',
      },
      poor: { type: 'string', requiresArg: true, describe: 'Why the file is no good state' },
      'or-here': { type: 'boolean', default: false, describe: 'Else as one of the file itself' },
    }),
  async ({ file: path, snapshotFor, ...options }) => {
    const look = await lookOnce({ path, snapshotFor, ...options });
    await print(`${jsonText(look)}\n`);
    if (look.verdict === 'clean') return EXIT.ok;
    return look.verdict === 'damaged' || look.verdict === 'other-machine' ? EXIT.damaged : EXIT.failed;
  },
);
