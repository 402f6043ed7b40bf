import { diff, noCounts } from '../exchange/diff.js';
import { escapeStart, jsonText, shellPath } from '../report/escape.js';
import { REPORT_VERSION } from '../report/json.js';
import { refusal } from '../store/errors.js';
import type { DatabaseFile } from './file.js';
import { openDatabaseFile, openFileForReading, tellIfChanged } from './file.js';
import { defineCommand, json } from './options.js';
import { EXIT, Output, tell } from './terminal.js';

/** Bytes of a longer key that are shown. */
const SHOWN_KEY = 1024;
const SIGN = { removed: '-', added: '+', changed: '~' } as const;

/** Tells which keys differ between two databases. The exit codes are those of diff: 0, 1 or, in trouble, 2. */
export const command = defineCommand(
  (parser) =>
    parser
      .positional('before', { type: 'string', demandOption: true, describe: 'A GDBM database file' })
      .positional('after', { type: 'string', demandOption: true, describe: 'Another, of any kind' })
      .options({ json })
      .example('$0 diff flower.db.~1~ flower.db', '- is gone, + is new, ~ has another value'),
  async ({ before, after, json }) => {
    const sources: DatabaseFile[] = [];
    try {
      for (const path of [before, after]) {
        sources.push(
          await openDatabaseFile(path).catch((error: unknown) => {
            // An error of the system does not name the file.
            throw error instanceof Error && 'syscall' in error ? refusal(error, path, 'read it') : error;
          }),
        );
      }
      const a = await openFileForReading(sources[0]);
      const b = await openFileForReading(sources[1]);
      const counts = noCounts();
      const out = new Output();
      if (json) {
        const paths = `"before":${jsonText(before)},"after":${jsonText(after)}`;
        await out.add(`{"version":${REPORT_VERSION},${paths},"differences":[`);
      }
      let separator = '\n';
      for await (const { how, key, before: was, after: is } of diff(a, b, counts)) {
        if (json) {
          const base64 = Buffer.from(key).toString('base64');
          const one = { how, key: base64, before: was ?? null, after: is ?? null };
          await out.add(`${separator}${jsonText(one)}`);
          separator = ',\n';
        } else {
          const sizes = how === 'changed' ? `${was} -> ${is} bytes` : `${was ?? is} bytes`;
          await out.add(`${SIGN[how]} ${escapeStart(key, SHOWN_KEY)}  (${sizes})\n`);
        }
      }
      const { same, removed, added, changed } = counts;
      const isDamaged = [counts.lossBefore, counts.lossAfter].map(
        ({ records, incomplete }) => records > 0 || incomplete,
      );
      const isComplete = !isDamaged.includes(true);
      if (json) {
        const sums = `"same":${same},"removed":${removed},"added":${added},"changed":${changed}`;
        await out.add(`\n],${sums},"complete":${isComplete}}\n`);
      }
      await out.flush();
      let isWritten = false;
      for (const [i, path] of [before, after].entries()) {
        if (await tellIfChanged(path, sources[i])) isWritten = true;
        else if (isDamaged[i]) {
          tell(
            `${path}: damaged, so not every record was compared. Run: gdbm-doctor repair ${shellPath(path)}`,
          );
        }
      }
      if (isWritten || !isComplete) return EXIT.failed;
      return removed + added + changed > 0 ? EXIT.damaged : EXIT.ok;
    } finally {
      for (const source of sources) await source.close();
    }
  },
);
