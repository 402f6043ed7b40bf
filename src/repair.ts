import type { CheckResult } from './check/check.js';
import type { LostRecords } from './check/losses.js';
import { lostRecords } from './check/losses.js';
import { withProfile } from './contents.js';
import { findBetterCopy } from './copies.js';
import { keptRecords } from './read/records.js';
import type { ExaminedValues, Subject } from './repair/examine.js';
import { examineFile, examineValues, checkFreshValues } from './repair/examine.js';
import type { WrittenQuarantine } from './repair/quarantine.js';
import { writeQuarantine } from './repair/quarantine.js';
import type { RepairOptions, RepairResult } from './repair/result.js';
import { additionsOf, requirePossible } from './repair/result.js';
import { fileSource } from './source/file.js';
import { orSearched } from './source/readaround.js';
import { abortable, reportReading } from './source/source.js';
import { clearBeside, copyBeside, FreshFile } from './store/fresh.js';
import type { HeldFile } from './store/held.js';
import { holdFile, isStillNamed, requireState } from './store/held.js';
import { placeFresh, requireFree } from './store/replace.js';
import type { Contents } from './write/contents.js';
import { filteredContents } from './write/contents.js';
import { isPatchable, planNewDirectory, planNewHeader } from './write/patch.js';
import { VerifyError, verifyFresh, writeFresh } from './write/write.js';

/**
 * Repairs a database file. The source is never harmed: a fresh file is written beside it, synced, read back and compared,
 * and only then takes the name.
 *
 * 1. Open: the file is locked as libgdbm locks it, so that no other program changes it until the end.
 * 2. Examine: every bucket and key, then the values if a program's profile is known.
 * 3. Decide: a healthy file is left alone; nothing is written where too little is left.
 * 4. Write: the records that can be proved, into a fresh file; the others into a quarantine, if one is wanted.
 * 5. Verify: the fresh file is synced, examined and compared with the source.
 * 6. Replace: the fresh file takes the name, and the source stays as a backup.
 *
 * An error of reading, and the reason of an aborted `signal`, are thrown as they are.
 *
 * @throws RefusedError if the file system or another process prevents it; nothing was changed
 * @throws BuildError if the records do not fit the file's own format; nothing was changed
 * @throws VerifyError if the fresh file does not hold what was meant to be in it; nothing was changed
 * @throws SourceError if the file shrank while it was read; nothing was changed
 * @throws RangeError if an option is not possible
 */
export async function repair(path: string, options: RepairOptions = {}): Promise<RepairResult> {
  requirePossible(options);
  const { output, dryRun = false, lock = true, wait, signal } = options;
  const readOnly = output !== undefined || dryRun;
  const held = await holdFile(path, { readOnly, lock: lock && !dryRun, wait, signal });
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
  const readable = await fileSource(held.handle, { aroundErrors: true, isSearched });
  const source = abortable(reportReading(readable, options.report), options.signal);

  const subject = await examineFile(source, held.path, options);
  const values = await examineValues(subject, options);
  const outcome = await outcomeOf(held.path, subject, values, options);

  const decision = await decide(subject, values, outcome, held.realPath, options);
  if (decision !== undefined) return { ...outcome, ...decision };

  if (options.output !== undefined) await requireFree(options.output);
  if (options.quarantine !== undefined) await requireFree(options.quarantine);
  const cleared = options.output === undefined ? await clearBeside(held) : [];
  const contents = await contentsToWrite(subject, values);
  const target = options.output ?? held.realPath;
  const fresh =
    contents.patch === undefined
      ? await FreshFile.createBeside(target, options.signal)
      : await copyBeside(target, held.handle, options.signal, contents.patch.database.size);
  let quarantine: WrittenQuarantine | undefined;
  try {
    options.report?.('writing the fresh file', 0, source.size);
    const written = await writeFresh(contents, fresh);
    options.report?.('comparing it', 0, source.size);
    const verified = await fresh.whileSyncing(() => verifyFresh(contents, written, fresh));
    requireOpenable(verified.checked);
    const after = await checkFreshValues(fresh, verified.checked, values, options.profile);
    quarantine = await writeQuarantine(held, subject, fresh, options, values.leaveOut);

    const { output, backup, notes } = await placeFresh(held, fresh, options, 'the repair');
    return {
      ...outcome,
      action: 'repaired',
      after,
      kept: written.records,
      added: verified.added,
      olderState: verified.added.stale,
      quarantine: quarantine?.path,
      lost: lostRecords(subject.checked, written, stillThere(subject, options)),
      output,
      backup,
      notes: [...cleared, ...outcome.notes, ...notes],
    };
  } catch (error) {
    // If another file has the name now, it is the fresh one, and only the quarantine has the records that it lacks.
    const isReplaced = options.output === undefined && !(await isStillNamed(held));
    if (quarantine !== undefined && !isReplaced) await quarantine.remove();
    throw error;
  } finally {
    await fresh.close();
  }
}

/** The contents of the fresh database: without what its program cannot load, or else a patched copy if that is enough. */
async function contentsToWrite(
  { contents, proved, searched, checked, additions }: Subject,
  { leaveOut }: ExaminedValues,
): Promise<Contents> {
  if (leaveOut !== undefined) {
    return filteredContents(contents!, (record) => leaveOut(record) === undefined);
  }
  if (countOf(additions) > 0 || !isPatchable(checked)) return contents!;
  const patch =
    proved !== undefined
      ? await planNewHeader(proved)
      : searched && (await planNewDirectory(searched.found, searched.checked));
  return { ...contents!, patch };
}

/** The result as far as an examination tells it, before anything is written. */
async function outcomeOf(
  path: string,
  subject: Subject,
  { profile, setAside, notes }: ExaminedValues,
  options: RepairOptions,
): Promise<RepairResult> {
  const { checked, recoverable, found, carvedRecords, uncoveredRanges, lostDetails } = subject;
  const before = withProfile({ checked, profile });
  const leftOut = setAside?.records ?? 0;
  const kept = checked.records.count - (checked.doubtful?.size ?? 0) - leftOut;
  const left = { records: kept, bytes: checked.records.bytes };
  const image = checked.image?.finding;
  return {
    path,
    action: 'none',
    reason: undefined,
    before,
    profile,
    after: undefined,
    isInPlace: options.output === undefined,
    output: undefined,
    backup: undefined,
    kept,
    added: undefined,
    olderState: additionsOf(options).includes('stale') ? recoverable.count(['stale']) : 0,
    lost: lostRecords(checked, { leftOut }, stillThere(subject, options)),
    recoverable: recoverable.beyond(additionsOf(options)),
    betterCopy: await findBetterCopy(path, before, profile, left),
    setAside,
    found,
    carvedWithKey: carvedRecords.length,
    uncoveredRanges,
    lostDetails,
    quarantine: undefined,
    notes: [...(image ? [`${image.found}; only the one at ${image.offset} is kept.`] : []), ...notes],
  };
}

function stillThere({ recoverable }: Subject, options: RepairOptions) {
  const additions = additionsOf(options);
  return { recovered: recoverable.count(additions), more: recoverable.beyond(additions).records };
}

/** Number of records, of all kinds together. */
function countOf(additions: Subject['additions']): number {
  return Object.values(additions).reduce((sum, n) => sum + n, 0);
}

/**
 * Refuses a fresh file that libgdbm would not open, by the prediction for the kind of machine that wrote the source.
 *
 * @throws VerifyError
 */
function requireOpenable({ libgdbm }: CheckResult): void {
  if (libgdbm !== null) throw new VerifyError(`libgdbm would not open the fresh file: "${libgdbm}"`);
}

/** A decision to write nothing. */
type Decision = Pick<RepairResult, 'action' | 'reason'> & Partial<Pick<RepairResult, 'limited' | 'kept'>>;

/**
 * Decides whether a repair writes a fresh database. It leaves a healthy file alone, refuses a file of which too little is
 * left, and writes nothing in a dry run.
 *
 * @param realPath the file's own name, without links
 * @returns undefined where it is to be written
 */
async function decide(
  subject: Subject,
  values: ExaminedValues,
  outcome: RepairResult,
  realPath: string,
  options: RepairOptions,
): Promise<Decision | undefined> {
  const { checked, additions } = subject;
  const { before, betterCopy, kept } = outcome;
  const { include = [] } = options;
  const hasAdditions = countOf(additions) > 0;
  // An older state alone is made a database, or lets a limit pass, only where somebody asked for it.
  const isAskedFor = include.some((one) => additions[one] > 0);
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
  if (checked.verdict === 'healthy' && values.leaveOut === undefined && isInPlace) {
    const isMoreWanted = include.length > 0 || options.quarantine !== undefined;
    const reason =
      before.verdict !== 'healthy' ? VALUES_DAMAGED : isMoreWanted ? ADDED_ONLY_BESIDE : undefined;
    return { action: 'none', reason };
  }
  if (checked.size === 0 && /\.(pag|dir|dat)$/.test(realPath)) return refused(PERHAPS_NDBM);
  if (checked.unrepairable !== undefined && !isAskedFor) {
    return refused(`${checked.unrepairable}${additionsHint(subject)}`);
  }
  if (values.refusal !== undefined) return refused(values.refusal);
  const wouldBeEmpty = kept === 0 && !hasAdditions && isInPlace;
  if (wouldBeEmpty && betterCopy !== undefined && options.empty !== true) return refused(COPY_HAS_MORE);
  const leftOut = outcome.setAside?.records ?? 0;
  const lost = lostRecords(checked, { leftOut }, stillThere(subject, { include, stale: false }));
  const overLimit = exceedsLimit(lost, kept, options.maxLoss);
  if (overLimit !== undefined) return { ...refused(overLimit), limited: true };
  if (options.dryRun !== true) return undefined;
  const counted = values.leaveOut === undefined ? await countKept(subject) : kept;
  const reason = 'Dry run: nothing was written. The records counted as kept would be.';
  return { action: 'none', reason, kept: (counted ?? kept) + outcome.olderState };
}

/**
 * The number of records that a repair of a damaged database would keep, of which some keys may be there twice.
 *
 * @returns undefined where the check counted them, or more are to be added
 */
async function countKept({ searched, additions }: Subject): Promise<number | undefined> {
  if (searched === undefined || countOf(additions) > 0) return undefined;
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

/**
 * The reason for which the user's limit forbids the repair; undefined if it does not. Values that are probably damaged count
 * as lost.
 *
 * @param kept records of the database that are kept, without additions
 */
function exceedsLimit(
  { records, estimated, missing, likelyDamaged }: LostRecords,
  kept: number,
  limit: RepairOptions['maxLoss'],
): string | undefined {
  if (limit === undefined) return undefined;
  const all = kept + records + (estimated ?? 0);
  const most =
    'records' in limit
      ? `${limit.records} records`
      : `${Number((limit.share * 100).toPrecision(12))} % of the records`;
  if (missing === null) {
    return `At most ${most} may be lost, and how many would be cannot be told. Nothing was changed.`;
  }
  // A share such as 29 % is no binary fraction: a loss of just that share must pass.
  const allowed = 'records' in limit ? limit.records : limit.share * all * (1 + Number.EPSILON * 4);
  if (missing + likelyDamaged <= allowed) return undefined;
  const damaged = likelyDamaged === 0 ? '' : `, and about ${likelyDamaged} more would have a damaged value`;
  return `At most ${most} may be lost, but ${missing} of ${all} would be${damaged}. Nothing was changed.`;
}
