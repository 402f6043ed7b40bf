import { keptRecords } from '../read/records.js';
import type { Subject } from './examine.js';
import type { Inside } from './inside.js';
import { exceedsLimit } from './losses.js';
import type { RepairOptions, RepairResult } from './result.js';

/** A decision to write nothing. */
export type Decision = Pick<RepairResult, 'action' | 'reason'> &
  Partial<Pick<RepairResult, 'limited' | 'kept'>>;

/**
 * Decides whether a repair writes a fresh database. It leaves a healthy file alone, refuses a file of which too little is
 * left, and writes nothing in a dry run.
 *
 * @param realPath the file's own name, without links
 * @returns undefined where it is to be written
 */
export async function whyNotWritten(
  subject: Subject,
  inside: Inside,
  outcome: RepairResult,
  realPath: string,
  options: RepairOptions,
): Promise<Decision | undefined> {
  const { checked, hasAdditions } = subject;
  const { before, betterCopy, kept, lost } = outcome;
  const isInPlace = options.output === undefined;
  const refused = (reason: string): Decision => ({ action: 'refused', reason });
  if (checked.verdict === 'not-gdbm' && !hasAdditions) {
    const { what, advice } = checked.other!;
    return refused(`This is ${what}. ${advice}`);
  }
  if (checked.image !== undefined && isInPlace) {
    const { found, consequence } = checked.image.finding;
    return refused(`Expected one database in the file, but ${found}. ${consequence}`);
  }
  if (checked.verdict === 'healthy' && inside.leaveOut === undefined && isInPlace) {
    const isMoreWanted = (options.include ?? []).length > 0 || options.quarantine !== undefined;
    const reason =
      before.verdict !== 'healthy' ? VALUES_DAMAGED : isMoreWanted ? ADDED_ONLY_BESIDE : undefined;
    return { action: 'none', reason };
  }
  if (checked.size === 0 && /\.(pag|dir|dat)$/.test(realPath)) return refused(PERHAPS_NDBM);
  if (checked.unrepairable !== undefined && !hasAdditions) {
    return refused(`${checked.unrepairable}${additionsHint(subject)}`);
  }
  if (inside.refusal !== undefined) return refused(inside.refusal);
  const wouldBeEmpty = kept === 0 && !hasAdditions && isInPlace;
  if (wouldBeEmpty && betterCopy !== undefined && options.empty !== true) return refused(COPY_HAS_MORE);
  const overLimit = exceedsLimit(lost, kept, options.maxLoss);
  if (overLimit !== undefined) return { ...refused(overLimit), limited: true };
  if (options.dryRun !== true) return undefined;
  const counted = inside.leaveOut === undefined ? await countKept(subject, options) : kept;
  const reason = 'Dry run: nothing was written. The records counted as kept would be.';
  return { action: 'none', reason, kept: counted ?? kept };
}

/**
 * The number of records that a repair of a damaged database would keep, of which some keys may be there twice.
 *
 * @returns undefined where the check counted them, or more are to be added
 */
async function countKept(
  { searched }: Subject,
  { include = [] }: RepairOptions,
): Promise<number | undefined> {
  if (searched === undefined || include.length > 0) return undefined;
  const { found, checked } = searched;
  let kept = 0;
  const batches = keptRecords(found, { doubtful: checked.doubtful, part: 'key' });
  for await (const { count } of batches) kept += count;
  return kept;
}

/** Names the records that options would add where nothing else can be reached. */
function additionsHint({ found: { stale, carved }, carvedRecords }: Subject): string {
  const keyed = carvedRecords.length;
  const were = (n: number, noun: string) => (n === 1 ? `1 ${noun} was` : `${n} ${noun}s were`);
  const hints = [
    ...(stale > 0
      ? [`${were(stale, 'record')} found in superseded buckets: --include stale keeps them.`]
      : []),
    ...(carved > 0
      ? [
          `${were(carved, 'value')} found by their shape alone, ${keyed} with a key that is known` +
            `${keyed > 0 ? ': --include carved keeps those' : ''}.`,
          'To see each, and what stands before it: gdbm-doctor salvage --carve FILE; then name keys: --expect-key KEY.',
        ]
      : []),
  ];
  return hints.map((hint) => ` ${hint}`).join('');
}

const VALUES_DAMAGED =
  'The database itself is healthy and was left as it is. What is named below is wrong with what a program stored in ' +
  'it, and nothing in the file tells how it was.';

const ADDED_ONLY_BESIDE =
  'The database is healthy and was left as it is: what is old is added only to a fresh one beside it. Name that: -o OUT.';

const PERHAPS_NDBM =
  'This file holds nothing, and its name is one that ndbm, sdbm and dbm.dumb databases have, ' +
  'which may be empty. If it is to be a GDBM database, remove it: its program makes a new one.';

const COPY_HAS_MORE =
  'Nothing is left in the file that a repair could keep, and a copy beside it has more: bring that back first. ' +
  'To write a database without records all the same: --empty.';
