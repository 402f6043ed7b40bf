import type { ProfileResult } from '../profile/inspect.js';
import { checkProfile } from '../profile/inspect.js';
import type { RecordFilter } from '../profile/leaveout.js';
import { filterFor } from '../profile/leaveout.js';
import { foundDatabase } from '../rebuild/checked.js';
import { keepable } from '../rebuild/records.js';
import { salvageProved } from '../salvage/proved.js';
import type { Source } from '../source/source.js';
import type { RepairOptions } from './result.js';
import type { Subject } from './subject.js';
import { addedOf, examine, examineProved } from './subject.js';

/** What is inside for a program, and what that means for the fresh database. */
interface Inside {
  readonly profile: ProfileResult | undefined;
  readonly keep: RecordFilter | undefined;
  /** Records that the filter leaves out. */
  readonly leftOut: number;
  readonly notes: readonly string[];
}

/** A proof is enough where all that is in order stays; anything else is for the examination of each element. */
export async function examineAll(
  source: Source,
  path: string,
  options: RepairOptions,
): Promise<{ subject: Subject; inside: Inside }> {
  const wantsMore = (options.include ?? []).length > 0 || options.quarantine !== undefined;
  const proved = wantsMore || source.size === 0 ? undefined : await examineProved(source, options.report);
  if (proved !== undefined) {
    const inside = await lookInside(proved, options);
    if (inside.keep === undefined) return { subject: proved, inside };
  }
  const subject = await examine(source, path, options);
  return { subject, inside: await lookInside(subject, options) };
}

async function lookInside(
  subject: Subject,
  { profile: wanted = 'none', include = [] }: RepairOptions,
): Promise<Inside> {
  const { proved, checked, database, lostElements } = subject;
  const nothing = { profile: undefined, keep: undefined, leftOut: 0, notes: [] };
  if (wanted === 'none') return nothing;
  const name = wanted === 'auto' ? undefined : wanted;
  if (proved !== undefined) {
    const { db, proof } = proved;
    const profile = await checkProfile(db.source, () => salvageProved(db, proof), name);
    return { ...nothing, profile, keep: filterFor(profile) };
  }
  if (database === undefined || !foundDatabase(checked)) return nothing;
  const { db, surveyed } = database;
  const records = () => keepable(db, surveyed, checked, addedOf(subject, include));
  const profile = await checkProfile(db.source, records, name, lostElements);
  const keep = filterFor(profile);
  if (keep === undefined) return { ...nothing, profile };
  let leftOut = 0;
  let kept = 0;
  for await (const batch of records()) {
    const stays = batch.filter(keep).length;
    kept += stays;
    leftOut += batch.length - stays;
  }
  const note =
    kept === 0
      ? `${profile.name} cannot use what is left; the fresh database is empty, which it takes. ${leftOut} records were left out.`
      : `${leftOut} of the records would keep ${profile.name} from loading the rest and were left out.`;
  return { profile, keep, leftOut, notes: [note] };
}
