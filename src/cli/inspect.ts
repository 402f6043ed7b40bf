import { inspectAt } from '../inspect/at.js';
import { inspectCollisions, inspectCount, inspectStatus } from '../inspect/count.js';
import { inspectAvail, inspectBucket, inspectDirectory, inspectHeader } from '../inspect/inspect.js';
import { inspectMap } from '../inspect/map.js';
import { inspectHash, inspectRecord } from '../inspect/record.js';
import type { StructureView } from '../inspect/structure.js';
import { takePicture } from '../picture/picture.js';
import { RefusedError } from '../store/errors.js';
import type { Statement } from '../report/statement.js';
import { reportDocument } from '../report/json.js';
import { jsonText } from '../report/jsontext.js';
import { statementText } from '../report/statementtext.js';
import { structureText } from '../report/structuretext.js';
import { shellPath } from '../report/shellword.js';
import { withHashesAsStored } from '../database/database.js';
import type { ExitCode } from './exit.js';
import { EXIT } from './exit.js';
import type { OpenDatabase } from './file.js';
import { withDatabase } from './file.js';
import type { StructureName } from './grammar/inspectwords.js';
import { parseNumber } from './grammar/inspectwords.js';
import type { KeyEncoding } from './grammar/keyencoding.js';
import { decodeKey } from './key.js';
import { printEndOfMap, printLongMap } from './longmap.js';
import { statementNow, withEvidence } from './statement.js';
import { print, styleFor } from './terminal.js';

export interface InspectArguments {
  readonly file: string;
  readonly structure: StructureName;
  /** A directory slot, a key or a file offset, as the structure needs it. */
  readonly what: string | undefined;
  readonly encoding: KeyEncoding;
  readonly json: boolean;
  readonly all: boolean;
  readonly hash: boolean;
}

/** Shows a structure field by field, with offsets. */
export async function inspectCommand(options: InspectArguments): Promise<ExitCode> {
  const { file, hash } = options;
  return withDatabase(file, async (open) => {
    if (options.structure === 'map') return showMap(open, options);
    const { result: structures, evidence } = await withEvidence(file, hash, () => view(open, options));
    return show(options, structures, await statementNow(evidence));
  });
}

async function show(
  { file, json, hash }: InspectArguments,
  structures: readonly StructureView[],
  statement: Statement,
): Promise<ExitCode> {
  if (json) {
    const document = reportDocument([{ path: file, structures }], statement);
    await print(`${jsonText(document, 2)}\n`);
  } else {
    for (const one of structures) await print(structureText(one, styleFor(process.stdout)));
    if (hash) await print(statementText(statement));
  }
  return EXIT.ok;
}

async function showMap(
  { file: source, examined }: OpenDatabase,
  options: InspectArguments,
): Promise<ExitCode> {
  const { file, hash, all } = options;
  const { result: map, evidence } = await withEvidence(file, hash, async () => {
    const found = await examined();
    const { claims } = await takePicture(found.db, found.survey, found.checked);
    const map = await inspectMap(claims, source.size, all);
    if (map.isLong) await printLongMap(map, claims, options);
    return map;
  });
  const statement = await statementNow(evidence);
  if (!map.isLong) return show(options, [map.view], statement);
  await printEndOfMap(map, options, statement);
  return EXIT.ok;
}

async function view(
  { db: opened, file: source, searched, examined }: OpenDatabase,
  { file, structure, what, encoding }: InspectArguments,
): Promise<StructureView[]> {
  const db = withHashesAsStored(opened);
  const refuse = (message: string) => new RefusedError('io', `${file}: ${message}`);
  switch (structure) {
    case 'header':
      return inspectHeader(db);
    case 'avail':
      return inspectAvail(db);
    case 'count':
      return inspectCount((await searched()).survey);
    case 'collisions':
      return inspectCollisions(db, (await searched()).survey);
    case 'status':
      return inspectStatus(db, (await searched()).survey);
    case 'hash':
      return inspectHash(db, decodeKey(what ?? '', encoding));
    case 'record':
      return inspectRecord(db, decodeKey(what ?? '', encoding));
    case 'at': {
      const offset = parseNumber(what);
      if (!(offset < source.size))
        throw refuse(`expected a file offset, 0 to ${source.size - 1}, found ${offset}.`);
      const found = await examined();
      return inspectAt(found.db, found.survey, source, offset);
    }
  }
  if (db.directory.length === 0)
    throw refuse(`expected a directory, found none. See: gdbm-doctor check ${shellPath(file)}`);
  if (structure !== 'bucket') return inspectDirectory(db);
  try {
    return await inspectBucket(db, parseNumber(what ?? '0'));
  } catch (error) {
    if (error instanceof RangeError) throw refuse(`${error.message}.`);
    throw error;
  }
}
