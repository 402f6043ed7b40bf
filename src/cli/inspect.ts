import type { Database } from '../database/database.js';
import { inspectAvail, inspectBucket, inspectDirectory, inspectHeader } from '../inspect/inspect.js';
import type { StructureView } from '../inspect/structure.js';
import { RefusedError } from '../replace/errors.js';
import { reportDocument } from '../report/json.js';
import { structureText } from '../report/structuretext.js';
import type { ExitCode } from './exit.js';
import { EXIT } from './exit.js';
import { withDatabase } from './file.js';
import type { StructureName } from './grammar/inspect.js';
import { print, styleFor } from './terminal.js';

export interface InspectArguments {
  readonly file: string;
  readonly structure: StructureName;
  /** The directory slot whose bucket is meant. */
  readonly slot: number;
  readonly json: boolean;
}

/** Shows a structure field by field, with offsets. */
export async function inspectCommand({ file, structure, slot, json }: InspectArguments): Promise<ExitCode> {
  return withDatabase(file, async (db) => {
    const structures = await view(db, structure, slot, file);
    if (json) {
      await print(`${JSON.stringify(reportDocument([{ path: file, structures }]), undefined, 2)}\n`);
    } else {
      for (const one of structures) await print(structureText(one, styleFor(process.stdout)));
    }
    return EXIT.ok;
  });
}

async function view(
  db: Database,
  structure: StructureName,
  slot: number,
  file: string,
): Promise<StructureView[]> {
  if (structure === 'header') return inspectHeader(db);
  if (structure === 'avail') return inspectAvail(db);
  if (db.directory.length === 0) {
    throw new RefusedError('io', `${file}: expected a directory, found none. See: gdbm-doctor check`);
  }
  if (structure === 'directory') return inspectDirectory(db);
  try {
    return await inspectBucket(db, slot);
  } catch (error) {
    if (error instanceof RangeError) throw new RefusedError('io', `${file}: ${error.message}.`);
    throw error;
  }
}
