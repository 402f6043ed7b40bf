import { reportText } from '../report/json.js';
import { failedSnapshotsJson, snapshotsJson, snapshotsText } from '../report/snapshots.js';
import { listSnapshots } from '../store/list.js';
import type { ExitCode } from './exit.js';
import { EXIT } from './exit.js';
import { explain } from './explain.js';
import { printReport, styleFor, tell } from './terminal.js';

export interface SnapshotsArguments {
  readonly file: string;
  readonly dir: string | undefined;
  readonly json: boolean;
  readonly verify: boolean;
}

/** Lists the snapshots of a database; never writes. */
export async function snapshotsCommand({ file, dir, json, verify }: SnapshotsArguments): Promise<ExitCode> {
  const asJson = (one: object) => `${reportText([one])}\n`;
  const now = new Date();
  try {
    const listed = await listSnapshots(file, { dir, verify });
    const report = json
      ? asJson(snapshotsJson(file, listed, now))
      : snapshotsText(file, listed, now, styleFor(process.stdout));
    await printReport(report);
    return listed.snapshots.some(({ intact }) => intact === false) ? EXIT.damaged : EXIT.ok;
  } catch (error) {
    const { code, message } = explain(error, file, 'list its snapshots');
    if (json) await printReport(asJson(failedSnapshotsJson(file, code, message)));
    tell(message);
    return EXIT.failed;
  }
}
