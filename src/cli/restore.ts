import { reportText } from '../report/json.js';
import { failedRestoreJson, restoreJson, restoreText } from '../report/snapshots.js';
import type { RestoreOptions } from '../store/restore.js';
import { restoreSnapshot } from '../store/restore.js';
import { EXIT } from './exit.js';
import { explain } from './explain.js';
import { StopSignals } from './signals.js';
import { printReport, styleFor, tell } from './terminal.js';

export interface RestoreArguments extends Omit<RestoreOptions, 'signal'> {
  readonly file: string;
  readonly at: string | undefined;
  readonly json: boolean;
}

/** Brings a snapshot back in the place of the database, which stays as a backup. */
export async function restoreCommand({ file, at, json, ...options }: RestoreArguments): Promise<number> {
  const asJson = (one: object) => `${reportText([one])}\n`;
  const signals = new StopSignals();
  try {
    const restored = await restoreSnapshot(file, at, { ...options, signal: signals.signal });
    const report = json
      ? asJson(restoreJson(restored, new Date()))
      : restoreText(restored, styleFor(process.stdout));
    await printReport(report);
    return EXIT.ok;
  } catch (error) {
    const stopped = signals.stopped(error);
    if (stopped !== undefined) {
      tell(`${file}: stopped by ${stopped.name}. Nothing was changed.`);
      return stopped.exit;
    }
    const { code, message } = explain(error, file, 'restore it');
    if (json) await printReport(asJson(failedRestoreJson(file, code, message)));
    tell(message);
    return EXIT.failed;
  } finally {
    signals.end();
  }
}
