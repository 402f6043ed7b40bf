import type { MapView } from '../inspect/map.js';
import { eachMapRow } from '../inspect/map.js';
import type { Claims } from '../picture/claims.js';
import { reportText } from '../report/json.js';
import { jsonText } from '../report/jsontext.js';
import type { Statement } from '../report/statement.js';
import { statementText } from '../report/statementtext.js';
import { fieldLines, TableText } from '../report/structuretext.js';
import { Output, print, styleFor } from './terminal.js';

/** How a map is shown. */
export interface MapOptions {
  readonly file: string;
  readonly json: boolean;
  readonly hash: boolean;
}

/**
 * Where the rows are in the document that `--json` prints, the first such place: in any text of it the quotes would be
 * escaped, and how it was made comes behind the files.
 */
const ROWS = '"rows": [';
/** Spaces before their end. */
const INDENT = ' '.repeat(10);

/** Prints a map and each of its ranges as they are found: there may be millions. */
export async function printLongMap(map: MapView, claims: Claims, { file, json }: MapOptions): Promise<void> {
  const out = new Output();
  if (json) {
    await out.add(partsOf(documentText(file, map)).before);
    let separator = '';
    await eachMapRow(claims, map.view.size, (row) => {
      const text = jsonText(row, 2).replaceAll('\n', `\n  ${INDENT}`);
      const added = out.add(`${separator}\n  ${INDENT}${text}`);
      separator = ',';
      return added;
    });
    await out.add(`\n${INDENT}`);
  } else {
    const style = styleFor(process.stdout);
    const table = new TableText([map.widest]);
    await out.add(fieldLines(map.view, style) + table.head(style));
    await eachMapRow(claims, map.view.size, (row) => out.add(table.line(row)));
  }
  await out.flush();
}

/** Prints what follows a map's ranges, when the file was read. */
export async function printEndOfMap(
  map: MapView,
  { file, json, hash }: MapOptions,
  statement: Statement,
): Promise<void> {
  if (json) await print(`${partsOf(documentText(file, map, statement)).after}\n`);
  else if (hash) await print(statementText(statement));
}

function documentText(file: string, { view }: MapView, statement?: Statement): string {
  return reportText([{ path: file, structures: [view] }], statement);
}

function partsOf(text: string): { before: string; after: string } {
  const end = text.indexOf(ROWS) + ROWS.length;
  return { before: text.slice(0, end), after: text.slice(end) };
}
