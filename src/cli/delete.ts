import type { DeleteOptions } from '../repair/delete.js';
import { deleteRecord } from '../repair/delete.js';
import { deletedReport, deletedText, failedDeleteReport } from '../report/deleted.js';
import { escapeStart } from '../report/escape.js';
import { reportText } from '../report/json.js';
import { shellPath } from '../report/shellword.js';
import { EXIT } from './exit.js';
import { explain } from './explain.js';
import type { KeyEncoding } from './grammar/keyencoding.js';
import { decodeKey } from './key.js';
import { progressLine } from './progress.js';
import { StopSignals } from './signals.js';
import { printReport, styleFor, tell } from './terminal.js';

export interface DeleteArguments extends Omit<DeleteOptions, 'signal' | 'report'> {
  readonly file: string;
  readonly key: string;
  readonly encoding: KeyEncoding;
  readonly json: boolean;
}

/** Removes one record; the file as it was stays as a backup. */
export async function deleteCommand({
  file,
  key: text,
  encoding,
  json,
  ...options
}: DeleteArguments): Promise<number> {
  const asJson = (one: object) => `${reportText([one])}\n`;
  const signals = new StopSignals();
  const progress = progressLine();
  try {
    const key = decodeKey(text, encoding);
    const { report } = progress;
    const { signal } = signals;
    const deleted = await deleteRecord(file, key, { ...options, report, signal }).finally(progress.end);
    const isThere = deleted.valueSize !== undefined;
    if (json) await printReport(asJson(deletedReport(deleted, key)));
    else if (isThere) await printReport(deletedText(deleted, key, styleFor(process.stdout)));
    if (isThere) return EXIT.ok;
    const shown = escapeStart(key, 200);
    tell(`${file}: there is no key "${shown}". See: gdbm-doctor list ${shellPath(file)}`);
    return EXIT.damaged;
  } catch (error) {
    const stopped = signals.stopped(error);
    if (stopped !== undefined) {
      tell(`${file}: stopped by ${stopped.name}. Nothing was changed.`);
      return stopped.exit;
    }
    const { code, message } = explain(error, file, 'delete a record of it');
    if (json) await printReport(asJson(failedDeleteReport(file, code, message)));
    tell(message);
    return EXIT.failed;
  } finally {
    signals.end();
  }
}
