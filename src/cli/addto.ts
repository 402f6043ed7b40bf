import { checkDatabase } from '../check/check.js';
import { Lookup } from '../database/lookup.js';
import { openProved, openSearched } from '../examine.js';
import { PART_BATCH } from '../exchange/batchreader.js';
import type { Loaded } from '../exchange/load.js';
import { copyAndLoad, whyTooLarge } from '../exchange/load.js';
import { MACHINES } from '../format/machines.js';
import { thisMachine } from '../service/machine.js';
import type { DumpReader } from '../exchange/record.js';
import { targetFor } from '../exchange/target.js';
import { walkRecords } from '../exchange/walk.js';
import type { FreshFile } from '../store/fresh.js';
import { RefusedError } from '../store/errors.js';
import type { HeldFile } from '../store/held.js';
import { abortable } from '../source/source.js';
import { fileSource } from '../source/file.js';
import { shellPath } from '../report/shellword.js';

/**
 * Writes a fresh database, of the same kind, with the records of a held one and those that a dump has besides.
 *
 * @throws RefusedError if the held file is no sound database
 * @throws DumpError where the dump is not what it should be
 */
export async function addTo(
  held: HeldFile,
  reader: DumpReader,
  fresh: FreshFile,
  duplicates: 'refuse' | 'first',
  signal: AbortSignal,
): Promise<Loaded & { existing: number }> {
  const source = abortable(await fileSource(held.handle), signal);
  const proved = await openProved(source);
  const found = proved === undefined ? await openSearched(source) : undefined;
  const db = (proved ?? found)?.db;
  const checked = proved?.checked ?? (found && (await checkDatabase(found.db, found.survey)));
  if (db === undefined || checked?.format === undefined || checked.verdict !== 'healthy') {
    throw new RefusedError(
      'io',
      `${held.path}: nothing can be added, because it is not a sound database. ` +
        `See: gdbm-doctor check ${shellPath(held.path)}`,
    );
  }
  const { hashChar } = checked.format;
  const target = targetFor(
    {},
    {
      format: db.format,
      // No key tells it; the machine's own libgdbm must find what is added.
      hashChar: hashChar === 'undetermined' ? MACHINES[thisMachine() ?? 'amd64'].hashChar : hashChar,
      blockSize: db.geometry.blockSize,
      numsync: db.extended?.numsync,
    },
  );
  const tooLarge = whyTooLarge(target, checked.records.bytes);
  if (tooLarge !== undefined) throw new RefusedError('io', `${held.path}: ${tooLarge}; nothing was changed.`);
  const lookup = new Lookup(db);
  const has = async (key: Uint8Array) => (await lookup.find(key)) !== undefined;
  return copyAndLoad(
    walkRecords({ db, found }, undefined, PART_BATCH),
    has,
    reader,
    fresh,
    target,
    duplicates,
  );
}
