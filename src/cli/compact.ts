import { compact } from '../repair/compact.js';
import { compactReport, failedDeleteReport, reportText } from '../report/json.js';
import { compactText } from '../report/text.js';
import { backup, defineCommand, file, json, locking, notStream, output, waitIsValid } from './options.js';
import { EXIT, printReport, reportStyle } from './terminal.js';
import { runWork } from './work.js';

/** Writes a database into the least space; the old file stays as a backup. */
export const command = defineCommand(
  (parser) =>
    parser
      .positional('file', file)
      .options({ output, backup, ...locking, json })
      .check(waitIsValid)
      .check((args) => notStream(args.output))
      .example('$0 compact jobs.db', 'The old file stays as jobs.db.~1~')
      .example('$0 compact --no-backup jobs.db', 'Without it, to get the room at once'),
  async ({ file, output, backup, wait, lock, json }) =>
    runWork(
      {
        path: file,
        doing: 'compact it',
        failed: json ? (code, message) => reportText([failedDeleteReport(file, code, message)]) : undefined,
      },
      async (signal, progress) => {
        const options = { ...(output !== undefined && { output }), backup, wait, lock, signal };
        const result = await compact(file, { ...options, report: progress.report }).finally(progress.end);
        await printReport(json ? reportText([compactReport(result)]) : compactText(result, reportStyle()));
        return EXIT.ok;
      },
    ),
);
