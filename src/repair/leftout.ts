import { open } from 'node:fs/promises';
import type { RecordFilter } from '../profile/leaveout.js';
import { quarantine } from '../quarantine.js';
import { foundDatabase } from '../rebuild/checked.js';
import { keepable } from '../rebuild/records.js';
import { heldIn } from '../rebuild/verify.js';
import { refusal } from '../replace/errors.js';
import { FreshFile } from '../replace/fresh.js';
import { jsonText } from '../report/jsontext.js';
import type { SalvagedBatch } from '../salvage/salvage.js';
import type { RepairOptions } from './result.js';
import type { Subject } from './subject.js';
import { addedOf } from './subject.js';

/** Writes what was found but not kept, before the source is replaced, so that it is never only in a backup. */
export async function writeQuarantine(
  subject: Subject,
  fresh: FreshFile,
  { quarantine: path, include }: RepairOptions,
  keep: RecordFilter | undefined,
): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const { checked, database, old, carved } = subject;
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      if (database !== undefined && foundDatabase(checked)) {
        const { db, surveyed: survey } = database;
        const out = leftOut(keepable(db, survey, checked, addedOf(subject, include)), keep);
        const isKept = await heldIn(db.source, fresh);
        const rest = { leftOut: out, old, carved, isKept };
        for await (const line of quarantine({ db, survey }, checked, rest)) {
          await file.write(`${jsonText(line)}\n`);
        }
      }
      await file.sync();
    } finally {
      await file.close();
    }
    return path;
  } catch (error) {
    throw refusal(error, path, 'write the quarantine');
  }
}

async function* leftOut(
  batches: AsyncIterable<SalvagedBatch>,
  keep: RecordFilter | undefined,
): AsyncGenerator<SalvagedBatch> {
  if (keep === undefined) return;
  for await (const batch of batches) yield batch.filter((record) => !keep(record));
}
