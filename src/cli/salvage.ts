import type { CheckResult } from '../check/check.js';
import { checkDatabase } from '../check/check.js';
import type { RejectedElement } from '../check/record.js';
import type { SpaceAccount } from '../check/space.js';
import type { Database } from '../database/database.js';
import { identifySource, isDeclared } from '../database/identify.js';
import { openProved, openSearched, search } from '../examine.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import { foundDatabase } from '../write/checked.js';
import { RefusedError } from '../store/errors.js';
import { statementText } from '../report/statementtext.js';
import { carveUnknown, carveValues } from '../salvage/carved.js';
import type { OldRecord } from '../salvage/oldrecord.js';
import { findOld } from '../salvage/old.js';
import { salvageProved } from '../salvage/proved.js';
import { visitKeys } from '../salvage/read.js';
import type { SalvagedBatch } from '../salvage/salvage.js';
import { salvage } from '../salvage/salvage.js';
import type { FileSource } from '../source/file.js';
import type { Progress } from '../source/sweep.js';
import { shellPath } from '../report/shellword.js';
import { jsonText } from '../report/jsontext.js';
import type { ExitCode } from './exit.js';
import { EXIT } from './exit.js';
import { tellIfChanged } from './atrest.js';
import { openRegularFile } from './file.js';
import { collectGarbage } from './heap.js';
import { progressLine } from './progress.js';
import { SalvageList } from './salvagelist.js';
import { statementNow, withEvidence } from './statement.js';
import { print, tell } from './terminal.js';

export interface SalvageArguments {
  readonly file: string;
  readonly deleted: boolean;
  readonly carve: boolean;
  readonly expectKeys: readonly Uint8Array[];
  /** Whether the file and each value are hashed. */
  readonly hash: boolean;
  readonly json: boolean;
}

/** Elements that prove no record, as far as they are listed. */
const MAX_UNPROVED = 1 << 18;

/** Lists every record that is still in a file, with how it was found and where it is; never writes. */
export async function salvageCommand(options: SalvageArguments): Promise<ExitCode> {
  const { file, hash, json } = options;
  const { result: exit, evidence } = await withEvidence(file, hash, () => salvageFile(options));
  if (hash) {
    const statement = await statementNow(evidence);
    await print(json ? `${jsonText({ kind: 'statement', ...statement })}\n` : statementText(statement));
  }
  return exit;
}

async function salvageFile(options: SalvageArguments): Promise<ExitCode> {
  const { file } = options;
  const source = await openRegularFile(file, true);
  const progress = progressLine();
  try {
    const exit = await salvageSource(source, options, progress);
    await tellIfChanged(file, source);
    return exit;
  } finally {
    progress.end();
    await source.close();
  }
}

async function salvageSource(
  source: FileSource,
  options: SalvageArguments,
  progress: ReturnType<typeof progressLine>,
): Promise<ExitCode> {
  const { file, deleted } = options;
  // Where all is in order there is nothing but what is in force.
  const proved = deleted ? undefined : await openProved(source, progress.report);
  if (proved !== undefined && !proved.db.headerLost) {
    progress.end();
    collectGarbage();
    const { db, proof, checked } = proved;
    tellImage(file, checked);
    return await listAll(options, progress, {
      db,
      space: proof.account,
      records: salvageProved(db, proof),
    });
  }
  const found = await openSearched(source, progress.report, { old: deleted });
  if (found === undefined) {
    const other = await identifySource(source, file);
    if (options.carve && !isDeclared(other)) return await listCarved(source, options, progress);
    const found = other.kind === 'image' ? other.what : 'nothing of one';
    throw new RefusedError(
      'io',
      `${file}: expected a GDBM database, found ${found}. See: gdbm-doctor check ${shellPath(file)}`,
    );
  }
  collectGarbage();
  const { db, survey } = found;
  const unproved: RejectedElement[] = [];
  const checked = await checkDatabase(db, survey, ({ rejected }) => {
    for (const one of rejected) if (isUnproved(one) && unproved.length < MAX_UNPROVED) unproved.push(one);
  });
  if (!foundDatabase(checked)) return EXIT.failed;
  collectGarbage();
  const isOldWanted = deleted || survey.stale.length > 0 || checked.verdict !== 'healthy';
  const end = checked.image?.end;
  const old = isOldWanted ? await findOld(db, survey, { report: progress.report, end }) : undefined;
  progress.end();
  tellImage(file, checked);
  collectGarbage();
  return await listAll(options, progress, {
    db,
    space: checked.space,
    survey,
    records: salvage(db, survey),
    unproved,
    old,
  });
}

/** Says that a file is more than the database whose records are listed. */
function tellImage(file: string, { image }: CheckResult): void {
  if (image === undefined) return;
  const { found, offset } = image.finding;
  tell(`${file}: ${found}. What is listed is of the one at ${offset}.`);
}

/** What its shape alone tells, of a file of which nothing else is known. */
async function listCarved(
  source: FileSource,
  options: SalvageArguments,
  progress: ReturnType<typeof progressLine>,
): Promise<ExitCode> {
  const list = new SalvageList({ source, missing: 0, fault: undefined, rearrangement: undefined }, options);
  const report: Progress = (done, all) => progress.report('looking for values by their shape', done, all);
  const finds = await carveUnknown(source, options.expectKeys, report);
  progress.end();
  for (const one of finds) await list.carved(one);
  await list.end(0);
  return EXIT.ok;
}

/** Records that are not in force, and how many elements were too many to be remembered. */
type Old = Iterable<OldRecord> & { readonly dropped: number };

/** What was found in a file. */
interface Found {
  readonly db: Database;
  readonly space: SpaceAccount;
  /** Undefined where it was not needed. */
  readonly survey?: SearchedSurvey;
  /** What is in force. */
  readonly records: AsyncIterable<SalvagedBatch>;
  readonly unproved?: readonly RejectedElement[];
  readonly old?: Old | undefined;
}

async function listAll(
  options: SalvageArguments,
  progress: ReturnType<typeof progressLine>,
  { db, space, survey, records, unproved = [], old }: Found,
): Promise<ExitCode> {
  const { deleted, carve, expectKeys } = options;
  const list = new SalvageList(db, options);
  await visitKeys(db.source, records, (record, key) => list.record(record, key));
  for (const one of unproved) await list.unproved(one);
  for (const one of old ?? []) {
    if (deleted || (one.provenance === 'stale' && one.confidence !== 'trace')) await list.old(one);
  }
  if (carve) {
    const contents = { db, survey: survey ?? (await search(db)).survey, space };
    for (const one of await carveValues(contents, expectKeys, (done, all) =>
      progress.report('looking for values by their shape', done, all),
    )) {
      await list.carved(one);
    }
    progress.end();
  }
  await list.end(old?.dropped ?? 0);
  return EXIT.ok;
}

/** Whether an element proves no record, rather than an old one. */
function isUnproved({ reason }: RejectedElement): boolean {
  return reason !== 'superseded' && reason !== 'duplicate';
}
