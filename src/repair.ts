import type { CheckResult } from './check/check.js';
import { lostRecords } from './check/losses.js';
import { withProfile } from './contents.js';
import { findBetterCopy } from './copies.js';
import { whyNotWritten } from './repair/decide.js';
import type { Subject } from './repair/examine.js';
import { examineFile } from './repair/examine.js';
import type { Inside } from './repair/inside.js';
import { lookInside, lookInsideFresh } from './repair/inside.js';
import { placeFresh, requireFree } from './repair/place.js';
import type { WrittenQuarantine } from './repair/quarantine.js';
import { writeQuarantine } from './repair/quarantine.js';
import type { RepairOptions, RepairResult } from './repair/result.js';
import { requirePossible } from './repair/result.js';
import { abortable } from './source/source.js';
import { fileSource } from './source/file.js';
import { orSearched } from './source/readaround.js';
import { clearBeside, FreshFile } from './store/fresh.js';
import type { HeldFile } from './store/held.js';
import { holdFile, isStillNamed, requireState } from './store/held.js';
import { filteredContents } from './write/contents.js';
import { verifyFresh, VerifyError } from './write/verify.js';
import { writeFresh } from './write/write.js';

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
  const { output, dryRun = false, lock = true, wait = 0, signal } = options;
  const held = await holdFile(path, {
    lock: output === undefined && !dryRun ? 'exclusive' : 'shared',
    wait,
    noLock: !lock || dryRun,
    signal,
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
  const readable = await fileSource(held.handle, { aroundErrors: true, isSearched });
  const source = abortable(readable, options.signal);

  const subject = await examineFile(source, held.path, options);
  const inside = await lookInside(subject, options);
  const outcome = await outcomeOf(held.path, subject, inside, options);

  const decision = await whyNotWritten(subject, inside, outcome, held.realPath, options);
  if (decision !== undefined) return { ...outcome, ...decision };

  if (options.output !== undefined) await requireFree(options.output);
  if (options.quarantine !== undefined) await requireFree(options.quarantine);
  const cleared = options.output === undefined ? await clearBeside(held) : [];
  const fresh = await FreshFile.createBeside(options.output ?? held.realPath, options.signal);
  let quarantine: WrittenQuarantine | undefined;
  try {
    const { leaveOut } = inside;
    const all = subject.contents!;
    const contents =
      leaveOut === undefined ? all : filteredContents(all, (record) => leaveOut(record) === undefined);
    options.report?.('writing the fresh file', 0, source.size);
    const written = await writeFresh(contents, fresh);
    options.report?.('comparing it', 0, source.size);
    const verified = await fresh.whileSyncing(() => verifyFresh(contents, written, fresh));
    requireOpenable(verified.checked);
    const after = await lookInsideFresh(fresh, verified.checked, inside, options.profile);
    quarantine = await writeQuarantine(held, subject, fresh, options, leaveOut);

    const { output, backup, notes } = await placeFresh(held, fresh, options, 'the repair');
    return {
      ...outcome,
      action: 'repaired',
      after,
      kept: written.records,
      added: verified.added,
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

/** The result as far as an examination tells it, before anything is written. */
async function outcomeOf(
  path: string,
  subject: Subject,
  { profile, setAside, notes }: Inside,
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
    output: undefined,
    backup: undefined,
    kept,
    added: undefined,
    lost: lostRecords(checked, { leftOut }, stillThere(subject, options)),
    recoverable: recoverable.beyond(options.include ?? []),
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

function stillThere({ recoverable }: Subject, { include = [] }: RepairOptions) {
  return { recovered: recoverable.count(include), more: recoverable.beyond(include).records };
}

/**
 * Refuses a fresh file that libgdbm would not open, by the prediction for the kind of machine that wrote the source.
 *
 * @throws VerifyError
 */
function requireOpenable({ libgdbm }: CheckResult): void {
  if (libgdbm !== null) throw new VerifyError(`libgdbm would not open the fresh file: "${libgdbm}"`);
}
