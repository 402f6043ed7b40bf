import { diff, noCounts } from '../exchange/diff.js';
import { refusal } from '../store/errors.js';
import { escapeStart } from '../report/escape.js';
import { REPORT_VERSION } from '../report/json.js';
import { jsonText } from '../report/jsontext.js';
import { shellPath } from '../report/shellword.js';
import { EXIT } from './exit.js';
import { tellIfChanged } from './atrest.js';
import type { DatabaseFile } from './file.js';
import { openDatabaseFile, openFileForWalk } from './file.js';
import { Output, tell } from './terminal.js';

export interface DiffArguments {
  readonly before: string;
  readonly after: string;
  readonly json: boolean;
}

/** A key longer than this is shown by its beginning. */
const SHOWN_KEY = 1024;
const SIGN = { removed: '-', added: '+', changed: '~' } as const;

/** Tells which keys differ between two databases; ends as diff does, with 0, 1 or, in trouble, 2. */
export async function diffCommand({ before, after, json }: DiffArguments): Promise<number> {
  const sources: DatabaseFile[] = [];
  try {
    for (const path of [before, after]) {
      sources.push(
        await openDatabaseFile(path).catch((error: unknown) => {
          // An error is told with the name of the first file, if it does not say of which it is.
          throw error instanceof Error && 'syscall' in error ? refusal(error, path, 'read it') : error;
        }),
      );
    }
    const a = await openFileForWalk(sources[0]);
    const b = await openFileForWalk(sources[1]);
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
        await out.add(
          `${separator}${jsonText({ how, key: base64, before: was ?? null, after: is ?? null })}`,
        );
        separator = ',\n';
      } else {
        const sizes = how === 'changed' ? `${was} -> ${is} bytes` : `${was ?? is} bytes`;
        await out.add(`${SIGN[how]} ${escapeStart(key, SHOWN_KEY)}  (${sizes})\n`);
      }
    }
    const { same, removed, added, changed } = counts;
    const damaged = [counts.lossBefore, counts.lossAfter].map(
      ({ records, incomplete }) => records > 0 || incomplete,
    );
    if (json)
      await out.add(
        `\n],"same":${same},"removed":${removed},"added":${added},"changed":${changed},"complete":${!damaged.includes(true)}}\n`,
      );
    await out.flush();
    let changing = false;
    for (const [i, path] of [before, after].entries()) {
      const changed = await tellIfChanged(path, sources[i]);
      changing ||= changed;
      if (damaged[i] && !changed)
        tell(
          `${path}: damaged, so not every record was compared. Run: gdbm-doctor repair ${shellPath(path)}`,
        );
    }
    if (changing || damaged.includes(true)) return EXIT.failed;
    return removed + added + changed > 0 ? EXIT.damaged : EXIT.ok;
  } finally {
    for (const source of sources) await source.close();
  }
}
