import type { Opened } from '../examine.js';
import { searchedProved } from '../examine.js';
import { withHashesAsStored } from '../database/database.js';
import { inspectAt } from '../report/offset.js';
import {
  inspectAvail,
  inspectBucket,
  inspectCollisions,
  inspectCount,
  inspectDirectory,
  inspectHeader,
  inspectHash,
  inspectRecord,
  inspectStatus,
} from '../report/inspect.js';
import type { MapView, Claims } from '../report/map.js';
import { eachMapRow, inspectMap } from '../report/map.js';
import type { StructureView } from '../report/structures.js';
import { takePicture } from '../report/picture.js';
import { reportText } from '../report/json.js';
import { jsonText, shellPath } from '../report/escape.js';
import type { Statement } from '../report/json.js';
import { statementText } from '../report/text.js';
import { fieldLines, structureText, TableText } from '../report/structures.js';
import type { FileSource } from '../source/file.js';
import { RefusedError } from '../store/errors.js';
import { withDatabase } from './file.js';
import { decodeKey, defineCommand, detail, file, hash, json, keyEncoding } from './options.js';
import { statementNow, withEvidence } from './statement.js';
import { EXIT, Output, print, styleFor } from './terminal.js';

/** Structures that need no further word. */
const WHOLE = ['header', 'directory', 'dir', 'avail', 'count', 'collisions', 'status', 'map'] as const;
/** Structures that need a slot, a key or an offset. */
const ONE = ['bucket', 'hash', 'record', 'at'] as const;
type StructureName = (typeof WHOLE)[number] | (typeof ONE)[number];

/** Shows a structure field by field, with offsets. */
export const command = defineCommand(
  (parser) =>
    parser
      .positional('file', file)
      .positional('structure', {
        choices: [...WHOLE, ...ONE] as const,
        default: 'header' as const,
        describe: 'What to look at',
      })
      .positional('what', {
        type: 'string',
        describe: 'For bucket: a directory slot; hash and record: a key; at: a file offset',
      })
      .options({
        json,
        all: { ...detail.all, describe: 'With map: each range, not the first few' },
        hash,
        'key-encoding': keyEncoding,
      })
      .check(({ structure, what }) => judgeWord(structure, what))
      .example('$0 inspect flower.db', 'The header')
      .example('$0 inspect flower.db bucket 5', 'The bucket that slot 5 leads to')
      .example('$0 inspect flower.db at 0x2000', 'What is there, and why')
      .example('$0 inspect flower.db record events', 'How a lookup goes, step by step'),
  async (args) => {
    const { file, structure, what, keyEncoding: encoding, json, hash } = args;
    return withDatabase(file, async (opened, source) => {
      if (structure === 'map') return showMap(opened, source, args);
      const { result: structures, evidence } = await withEvidence(file, hash, () =>
        viewsOf(opened, source, file, structure, () => decodeKey(what ?? '', encoding), what),
      );
      const statement = await statementNow(evidence);
      if (json) await print(documentText(file, structures, statement));
      else {
        for (const one of structures) await print(structureText(one, styleFor(process.stdout)));
        if (hash) await print(statementText(statement));
      }
      return EXIT.ok;
    });
  },
);

/** @returns true, or what is wrong with the word after the structure */
function judgeWord(structure: StructureName, what: string | undefined): true | string {
  if ((WHOLE as readonly string[]).includes(structure)) {
    return what === undefined || `expected nothing after ${structure}, found "${what}"`;
  }
  if (structure === 'hash' || structure === 'record') {
    return what !== undefined || `expected ${structure} KEY`;
  }
  if (structure === 'bucket' && what === undefined) return true;
  const expected = structure === 'at' ? 'at OFFSET' : 'bucket SLOT';
  return (
    !Number.isNaN(parseNumber(what)) || `expected ${expected}, a number or 0x in hex, found "${what ?? ''}"`
  );
}

/** Reads decimal, or hexadecimal after 0x; NaN for anything else. */
function parseNumber(text: string | undefined): number {
  return /^(0x[0-9a-f]+|\d+)$/i.test(text ?? '') ? Number(text) : NaN;
}

async function viewsOf(
  opened: Opened,
  source: FileSource,
  file: string,
  structure: StructureName,
  key: () => Uint8Array,
  what: string | undefined,
): Promise<readonly StructureView[]> {
  const db = withHashesAsStored(opened.db);
  const refuse = (message: string) => new RefusedError('io', `${file}: ${message}`);
  switch (structure) {
    case 'header':
      return inspectHeader(db);
    case 'avail':
      return inspectAvail(db);
    case 'count':
      return inspectCount(opened.survey);
    case 'collisions':
      return inspectCollisions(db, opened.survey);
    case 'status':
      return inspectStatus(db, opened.survey);
    case 'hash':
      return inspectHash(db, key());
    case 'record':
      return inspectRecord(db, key());
    case 'at': {
      const offset = parseNumber(what);
      const bytes = db.undone?.source ?? source;
      if (!(offset < bytes.size)) {
        throw refuse(`expected a file offset, 0 to ${bytes.size - 1}, found ${offset}.`);
      }
      const found = await searchedProved(opened);
      return inspectAt(found.db, found.survey, bytes, offset);
    }
  }
  if (db.directory.length === 0) {
    throw refuse(`expected a directory, found none. See: gdbm-doctor check ${shellPath(file)}`);
  }
  if (structure !== 'bucket') return inspectDirectory(db);
  try {
    return await inspectBucket(db, parseNumber(what ?? '0'));
  } catch (error) {
    if (error instanceof RangeError) throw refuse(`${error.message}.`);
    throw error;
  }
}

interface MapOptions {
  readonly file: string;
  readonly json: boolean;
  readonly all: boolean;
  readonly hash: boolean;
}

/** Shows the map of all bytes. A long one, of perhaps millions of ranges, is printed while the ranges are found. */
async function showMap(opened: Opened, source: FileSource, options: MapOptions) {
  const { file, json, hash, all } = options;
  const style = styleFor(process.stdout);
  const { result: map, evidence } = await withEvidence(file, hash, async () => {
    const found = await searchedProved(opened);
    const { claims } = await takePicture(found.db, found.survey, found.checked);
    const { size } = found.db.undone?.source ?? source;
    const map = await inspectMap(claims, size, all);
    if (map.isLong) await printRows(map, claims, options);
    return map;
  });
  const statement = await statementNow(evidence);
  if (json) {
    const text = documentText(file, [map.view], statement);
    await print(map.isLong ? text.slice(endOfRowsHead(text)) : text);
  } else {
    if (!map.isLong) await print(structureText(map.view, style));
    if (hash) await print(statementText(statement));
  }
  return EXIT.ok;
}

async function printRows(map: MapView, claims: Claims, { file, json }: MapOptions): Promise<void> {
  const out = new Output();
  if (json) {
    const text = documentText(file, [map.view]);
    await out.add(text.slice(0, endOfRowsHead(text)));
    const indent = ' '.repeat(10);
    let separator = '';
    await eachMapRow(claims, map.view.size, (row) => {
      const lines = jsonText(row, 2).replaceAll('\n', `\n  ${indent}`);
      const added = out.add(`${separator}\n  ${indent}${lines}`);
      separator = ',';
      return added;
    });
    await out.add(`\n${indent}`);
  } else {
    const style = styleFor(process.stdout);
    const table = new TableText([map.widest]);
    await out.add(fieldLines(map.view, style) + table.head(style));
    await eachMapRow(claims, map.view.size, (row) => out.add(table.line(row)));
  }
  await out.flush();
}

/**
 * The place in a document at which the rows of a long map are to be put in. It is the first of this text: elsewhere the
 * quotes would be escaped, and the statement comes behind the files.
 */
function endOfRowsHead(document: string): number {
  const head = '"rows": [';
  return document.indexOf(head) + head.length;
}

function documentText(file: string, structures: readonly StructureView[], statement?: Statement): string {
  return reportText([{ path: file, structures }], statement);
}
