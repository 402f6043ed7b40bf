import { lostRecords } from '../check/losses.js';
import { withProfile } from '../contents.js';
import { findBetterCopy } from '../copies.js';
import type { CheckResult } from '../check/check.js';
import type { RecordFilter } from '../profile/leaveout.js';
import { keptRecords } from '../read/records.js';
import { VerifyError } from '../write/verify.js';
import { FreshFile, clearBeside } from '../store/fresh.js';
import type { HeldFile } from '../store/held.js';
import { holdFile, isStillNamed, requireState } from '../store/held.js';
import { abortable } from '../source/source.js';
import { fileSource } from '../source/file.js';
import { orSearched } from '../source/readaround.js';
import { buildFresh } from './fresh.js';
import { examineAll, lookInsideFresh } from './inside.js';
import type { WrittenQuarantine } from './leftout.js';
import { writeQuarantine } from './leftout.js';
import { exceedsLimit } from './losses.js';
import { requirePossible } from './options.js';
import { placeFresh, requireFree } from './place.js';
import type { RepairOptions, RepairResult } from './result.js';
import type { Subject } from './subject.js';
import { addedOf } from './subject.js';

/**
 * Repairs a database file. The source is never harmed: a fresh file is written beside it, synced, read back and
 * compared, and only then takes the name. Where `signal` ends it, or a read fails, that very error is thrown.
 *
 * @throws RefusedError if the file system or another process stands in the way; nothing was changed
 * @throws BuildError if the records do not fit the file's own format; nothing was changed
 * @throws VerifyError if the fresh file does not hold what was meant to be in it; nothing was changed
 * @throws SourceError if the file shrank while it was read; nothing was changed
 * @throws RangeError if an option is not possible
 */
export async function repair(path: string, options: RepairOptions = {}): Promise<RepairResult> {
  requirePossible(options);
  // 1. Hold the file: from here until the end no other program changes it.
  const inPlace = options.output === undefined && !options.dryRun;
  const held = await holdFile(path, {
    lock: inPlace ? 'exclusive' : 'shared',
    wait: options.wait ?? 0,
    noLock: options.lock === false || options.dryRun === true,
    signal: options.signal,
  });
  try {
    await requireState(held, options.ifState);
    return await orSearched((isSearched) => repairHeld(held, options, isSearched));
  } finally {
    await held.release();
  }
}

async function repairHeld(
  held: HeldFile,
  options: RepairOptions,
  isSearched: boolean,
): Promise<RepairResult> {
  // 2. Check it.
  const readable = await fileSource(held.handle, { aroundErrors: true, isSearched });
  const source = abortable(readable, options.signal);
  const { subject, inside } = await examineAll(source, held.path, options);
  const { checked } = subject;
  const { profile, leaveOut, setAside } = inside;
  const keep: RecordFilter | undefined = leaveOut && ((record) => leaveOut(record) === undefined);
  const recoverable = subject.recoverable.beyond(options.include ?? []);
  const stillThere = {
    recovered: subject.recoverable.count(options.include ?? []),
    more: recoverable.records,
  };
  const before = withProfile({ checked, profile });
  const kept = checked.records.count - (checked.doubtful?.size ?? 0) - (setAside?.records ?? 0);
  const left = { records: kept, bytes: checked.records.bytes };
  const betterCopy = await findBetterCopy(held.path, before, profile, left);
  const outcome: RepairResult = {
    path: held.path,
    action: 'none',
    reason: undefined,
    before,
    profile,
    after: undefined,
    output: undefined,
    backup: undefined,
    kept,
    added: undefined,
    lost: lostRecords(checked, { leftOut: setAside?.records ?? 0 }, stillThere),
    recoverable,
    betterCopy,
    setAside,
    found: subject.found,
    carvedWithKey: subject.carvedRecords.length,
    uncoveredRanges: subject.uncoveredRanges,
    lostDetails: subject.lostDetails,
    quarantine: undefined,
    notes: [...imageNotes(checked), ...inside.notes],
  };

  // 3. Leave alone what needs nothing, and what nothing is left of.
  const isCarved = subject.unknown !== undefined && subject.carvedRecords.length > 0;
  if (checked.verdict === 'not-gdbm' && !isCarved) {
    const { what, advice } = checked.other!;
    return { ...outcome, action: 'refused', reason: `This is ${what}. ${advice}` };
  }
  if (checked.image !== undefined && options.output === undefined) {
    const { found, consequence } = checked.image.finding;
    return {
      ...outcome,
      action: 'refused',
      reason: `Expected one database in the file, but ${found}. ${consequence}`,
    };
  }
  if (checked.verdict === 'healthy' && keep === undefined && options.output === undefined) {
    const isMore = (options.include ?? []).length > 0 || options.quarantine !== undefined;
    const reason = outcome.before.verdict !== 'healthy' ? NOT_MENDED : isMore ? NOTHING_ADDED : undefined;
    return { ...outcome, reason };
  }
  if (checked.size === 0 && /\.(pag|dir|dat)$/.test(held.realPath)) {
    const reason =
      'This file holds nothing, and its name is one that ndbm, sdbm and dbm.dumb databases have, ' +
      'which may be empty. If it is to be a GDBM database, remove it: its program makes a new one.';
    return { ...outcome, action: 'refused', reason };
  }
  const include = options.include ?? [];
  const { carved: carvedRecords, old } = addedOf(subject, include);
  const isAdded = [...carvedRecords, ...old].some(({ provenance }) =>
    (include as string[]).includes(provenance),
  );
  if (checked.unrepairable !== undefined && !isAdded) {
    const reason = `${checked.unrepairable}${moreHint(subject)}`;
    return { ...outcome, action: 'refused', reason };
  }
  if (inside.refusal !== undefined) return { ...outcome, action: 'refused', reason: inside.refusal };
  const isInPlace = options.output === undefined;
  if (kept === 0 && !isAdded && betterCopy !== undefined && isInPlace && options.empty !== true) {
    const reason =
      'Nothing is left in the file that a repair could keep, and a copy beside it has more: bring that back first. ' +
      'To write a database without records all the same: --empty.';
    return { ...outcome, action: 'refused', reason };
  }
  const tooMuch = exceedsLimit(outcome.lost, outcome.kept, options.maxLoss);
  if (tooMuch !== undefined) return { ...outcome, action: 'refused', limited: true, reason: tooMuch };
  if (options.dryRun) {
    const kept = await wouldBeKept(subject, options, keep);
    const reason = 'Dry run: nothing was written. The records counted as kept would be.';
    return { ...outcome, kept: kept ?? outcome.kept, reason };
  }

  if (options.output !== undefined) await requireFree(options.output);
  if (options.quarantine !== undefined) await requireFree(options.quarantine);

  const cleared = options.output === undefined ? await clearBeside(held) : [];

  // 4. Build a fresh file beside the place where it is to be, sync it, read it back and compare it.
  const fresh = await FreshFile.createBeside(options.output ?? held.realPath, options.signal);
  let quarantined: WrittenQuarantine | undefined;
  try {
    const { built, after } = await buildFresh(subject, fresh, options, keep);
    requireOpenable(after);
    const checkedAfter = await lookInsideFresh(fresh, after, inside, options.profile);
    quarantined = await writeQuarantine(held, subject, fresh, options, leaveOut);

    // 5. Only now give it its name.
    const { output, backup, notes } = await placeFresh(held, fresh, options, 'the repair');
    return {
      ...outcome,
      action: 'repaired',
      after: checkedAfter,
      kept: built.records,
      added: built.added,
      quarantine: quarantined?.path,
      lost: lostRecords(checked, built, stillThere),
      output,
      backup,
      notes: [...cleared, ...outcome.notes, ...notes],
    };
  } catch (error) {
    // Where another file has the name, the fresh one took it after all, and only the quarantine has what it is without.
    const isReplaced = options.output === undefined && !(await isStillNamed(held));
    if (quarantined !== undefined && !isReplaced) await quarantined.remove();
    throw error;
  } finally {
    await fresh.close();
  }
}

/**
 * How many records a repair of a damaged database would keep, where some of its keys may be there twice; undefined where that
 * is known, or more or fewer were asked for.
 */
async function wouldBeKept(
  { database, checked }: Subject,
  { include = [] }: RepairOptions,
  keep: RecordFilter | undefined,
): Promise<number | undefined> {
  if (database === undefined || include.length > 0 || keep !== undefined) return undefined;
  const { db, surveyed } = database;
  let kept = 0;
  const options = { doubtful: checked.doubtful, part: 'key' } as const;
  for await (const { count } of keptRecords({ db, survey: surveyed }, options)) kept += count;
  return kept;
}

/**
 * Refuses a fresh file that the prediction says libgdbm does not open, on this machine or on that of the source.
 *
 * @throws VerifyError
 */
function requireOpenable({ libgdbm }: CheckResult): void {
  if (libgdbm !== null) throw new VerifyError(`libgdbm would not open the fresh file: "${libgdbm}"`);
}

/** What else there is where nothing can be reached. */
function moreHint({ found, carvedRecords }: Subject): string {
  const { stale, carved } = found;
  const keyed = carvedRecords.length;
  const were = (n: number, what: string) => (n === 1 ? `1 ${what} was` : `${n} ${what}s were`);
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

/** Why a sound file is left alone whose values are not. */
const NOT_MENDED =
  'The database itself is healthy and was left as it is. What is named below is wrong with what a program stored in ' +
  'it, and nothing in the file tells how it was.';

/** Why a healthy file is left alone though more was asked for. */
const NOTHING_ADDED =
  'The database is healthy and was left as it is: what is old is added only to a fresh one beside it. Name that: -o OUT.';

/** Tells that an output holds one database of a file that is more than that. */
function imageNotes({ image }: CheckResult): string[] {
  return image === undefined
    ? []
    : [`${image.finding.found}; only the one at ${image.finding.offset} is kept.`];
}
