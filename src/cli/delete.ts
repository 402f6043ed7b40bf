import { deleteRecord } from '../repair/delete.js';
import { deletedReport, failedDeleteReport, reportText } from '../report/json.js';
import { deletedText } from '../report/text.js';
import {
  backup,
  decodeKey,
  defineCommand,
  dryRun,
  file,
  json,
  key,
  keyEncoding,
  locking,
  noSuchKey,
  notStream,
  output,
  waitIsValid,
} from './options.js';
import { EXIT, printReport, reportStyle, tell } from './terminal.js';
import { runWork } from './work.js';

/** Removes one record; the old file stays as a backup. */
export const command = defineCommand(
  (parser) =>
    parser
      .positional('file', file)
      .positional('key', key)
      .options({ 'key-encoding': keyEncoding, output, 'dry-run': dryRun, backup, ...locking, json })
      .check(waitIsValid)
      .check((args) => notStream(args.output))
      .example('$0 delete jobs.db job-17', 'The old file stays as jobs.db.~1~')
      .example('$0 delete --key-encoding hex jobs.db fffe6b6579', 'A key that is not text'),
  async ({ file, key: text, keyEncoding, output, dryRun, backup, wait, lock, json }) =>
    runWork(
      {
        path: file,
        doing: 'delete a record of it',
        failed: json ? (code, message) => reportText([failedDeleteReport(file, code, message)]) : undefined,
      },
      async (signal, progress) => {
        const key = decodeKey(text, keyEncoding);
        const deleted = await deleteRecord(file, key, {
          ...(output !== undefined && { output }),
          dryRun,
          backup,
          wait,
          lock,
          report: progress.report,
          signal,
        }).finally(progress.end);
        const isThere = deleted.valueSize !== undefined;
        if (json) await printReport(reportText([deletedReport(deleted, key)]));
        else if (isThere) await printReport(deletedText(deleted, key, reportStyle()));
        if (isThere) return EXIT.ok;
        tell(noSuchKey(file, text, key));
        return EXIT.damaged;
      },
    ),
);
