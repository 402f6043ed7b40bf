import { reportText } from '../report/json.js';
import { failedSnapshotsJson, snapshotsJson, snapshotsText } from '../report/snapshots.js';
import { listSnapshots } from '../store/folder.js';
import { defineCommand, file, json, snapshots } from './options.js';
import { EXIT, printReport, styleFor, tell } from './terminal.js';
import { explain } from './work.js';

/** Lists the snapshots of a database; never writes. */
export const command = defineCommand(
  (parser) =>
    parser
      .positional('file', file)
      .options({
        snapshots,
        verify: { type: 'boolean', default: false, describe: 'Read each one and compare its hash' },
        json,
      })
      .example('$0 snapshots flower.db', 'When, how many records, how large')
      .example('$0 snapshots --json flower.db | jq .files[].snapshots[].id', 'For programs'),
  async ({ file, snapshots: dir, json, verify }) => {
    const now = new Date();
    const printJson = (report: object) => printReport(reportText([report]));
    try {
      const listed = await listSnapshots(file, { dir, verify });
      if (json) await printJson(snapshotsJson(file, listed, now));
      else await printReport(snapshotsText(file, listed, now, styleFor(process.stdout)));
      return listed.snapshots.some(({ intact }) => intact === false) ? EXIT.damaged : EXIT.ok;
    } catch (error) {
      const { code, message } = explain(error, file, 'list its snapshots');
      if (json) await printJson(failedSnapshotsJson(file, code, message));
      tell(message);
      return EXIT.failed;
    }
  },
);
