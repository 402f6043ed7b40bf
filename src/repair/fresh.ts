import { endianness } from 'node:os';
import type { BuildSpec } from '../write/builder.js';
import { DatabaseBuilder } from '../write/builder.js';
import type { CheckResult } from '../check/check.js';
import { check } from '../examine.js';
import { LAYOUT_64 } from '../format/format.js';
import type { RecordFilter } from '../profile/leaveout.js';
import type { RebuildResult } from '../write/rebuild.js';
import { foundDatabase } from '../write/checked.js';
import { NONE_ADDED, rebuild, rebuildProved } from '../write/rebuild.js';
import { buildCarved, verifyCarved } from '../write/carved.js';
import { NONE_NOT_KEPT } from '../write/records.js';
import { verify, verifyProved } from '../write/verify.js';
import { FreshFile } from '../store/fresh.js';
import type { RepairOptions } from './result.js';
import type { Subject } from './subject.js';
import { addedOf } from './subject.js';

const NOTHING_LEFT = { ...NONE_NOT_KEPT, leftOut: 0, added: NONE_ADDED, relocated: false };

export async function buildFresh(
  subject: Subject,
  fresh: FreshFile,
  { include = [], report }: Pick<RepairOptions, 'include' | 'report'> = {},
  keep?: RecordFilter,
): Promise<{ built: RebuildResult; after: CheckResult }> {
  const { proved, checked, database } = subject;
  report?.('writing the fresh file', 0, checked.size);
  if (proved !== undefined) {
    const built = await rebuildProved(proved, fresh);
    report?.('comparing it', 0, checked.size);
    const after = await fresh.whileSyncing(() => verifyProved(proved, fresh));
    return { built: { ...built, ...NOTHING_LEFT }, after };
  }
  if (subject.unknown !== undefined) {
    const built = await buildCarved(subject.unknown, subject.carvedRecords, fresh, newDatabaseSpec());
    const after = await fresh.whileSyncing(() =>
      verifyCarved(subject.unknown!, subject.carvedRecords, fresh),
    );
    const added = { ...NONE_ADDED, carved: built.records };
    return { built: { ...built, ...NOTHING_LEFT, added }, after };
  }
  if (database === undefined || !foundDatabase(checked)) {
    const built = await new DatabaseBuilder(fresh, newDatabaseSpec()).finish();
    await fresh.sync();
    return { built: { ...built, ...NOTHING_LEFT }, after: await check(fresh) };
  }
  const { db, surveyed } = database;
  const added = addedOf(subject, include);
  const built = await rebuild(db, surveyed, checked, fresh, added, keep);
  report?.('comparing it', 0, checked.size);
  const compare = () => verify(db, surveyed, checked, built, fresh, added, keep);
  return { built, after: await fresh.whileSyncing(compare) };
}

/** The kind of database that libgdbm would make here. */
function newDatabaseSpec(): BuildSpec {
  const byteOrder = endianness() === 'LE' ? 'little' : 'big';
  return {
    format: { byteOrder, layout: LAYOUT_64, variant: 'standard' },
    blockSize: 4096,
    bucketSize: 4096,
  };
}
