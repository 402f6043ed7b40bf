import { reportText } from '../report/json.js';
import { failedRestoreJson, restoreJson, restoreText } from '../report/snapshots.js';
import { restoreSnapshot } from '../store/restore.js';
import { defineCommand, dryRun, file, ifState, json, locking, snapshots, waitIsValid } from './options.js';
import { EXIT, printReport, reportStyle } from './terminal.js';
import { runWork } from './work.js';

/** Brings a snapshot back in the place of the database, which stays as a backup. */
export const command = defineCommand(
  (parser) =>
    parser
      .positional('file', file)
      .options({
        at: {
          type: 'string',
          requiresArg: true,
          describe: 'Which one: how its time or hash begins; the newest good and intact one by default',
        },
        snapshots,
        'other-database': {
          type: 'boolean',
          default: false,
          describe: 'Take one although the folder holds the snapshots of another database',
        },
        ...locking,
        'dry-run': dryRun,
        'if-state': ifState,
        json,
      })
      .check(waitIsValid)
      .example('$0 restore flower.db', 'The newest good one that is intact; the file stays as flower.db.~1~')
      .example('$0 restore --at 20261124T05 flower.db', 'The one that was taken then'),
  async ({ file, at, snapshots: dir, otherDatabase, wait, lock, dryRun, ifState, json }) =>
    runWork(
      {
        path: file,
        doing: 'restore it',
        failed: json ? (code, message) => reportText([failedRestoreJson(file, code, message)]) : undefined,
      },
      async (signal) => {
        const options = { dir, otherDatabase, wait, lock, dryRun, ifState, signal };
        const restored = await restoreSnapshot(file, at, options);
        const text = json
          ? reportText([restoreJson(restored, new Date())])
          : restoreText(restored, reportStyle());
        await printReport(text);
        return EXIT.ok;
      },
    ),
);
