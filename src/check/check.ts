import { isCreationInterrupted } from '../database/likelycause.js';
import type { Database } from '../database/database.js';
import { asItIs } from '../database/database.js';
import type { OtherFile } from '../database/identify.js';
import { identifySource } from '../database/identify.js';
import type { BucketSite } from '../database/site.js';
import type { Survey } from '../database/survey.js';
import { isInOrder } from '../database/survey.js';
import type { Format } from '../format/format.js';
import type { HashChar } from '../format/hash.js';
import { hashOfSlot } from '../format/directory.js';
import { HASH_RANGE } from '../format/hash.js';
import type { ExtendedHeader, Geometry, Header } from '../format/header.js';
import type { Source } from '../source/source.js';
import type { TransformName } from '../source/transforms.js';
import { accountFor, judgeFreeSpace, judgeSpace } from './account.js';
import type { SiteVerdict } from './bucket.js';
import { bucketsLost, hasLostAllBuckets, judgeSites } from './bucket.js';
import type { DirectoryRuns } from './bucketreader.js';
import { checkDirectory, checkDirectoryPlace } from './directory.js';
import type { DamagedKey, DoubtfulRecords } from './doubtful.js';
import { MAX_DAMAGED_KEYS, estimateHiddenDamage, findDoubtful } from './doubtful.js';
import type { CopiedFrom, Examination, ExaminedSurvey, Flavours, OrderedExamination } from './examination.js';
import { examine, examineInOrder } from './examination.js';
import type { ExplainedCounts, Finding, FindingCode } from './finding.js';
import { FindingList, finding, verdictOf } from './finding.js';
import { checkHeader } from './header.js';
import type { Image } from './image.js';
import { checkImage } from './image.js';
import type { Judge, LibgdbmMessage, LibgdbmUse } from './libgdbm.js';
import { foreignFindings, isOfJudge, predictLibgdbm, predictUse } from './libgdbm.js';
import { whyUnrepairable } from './losses.js';
import type { LossReason } from './marks.js';
import type { RecordRuns, SpaceAccount } from './space.js';
import { wrongHashFindings } from './wronghash.js';

/**
 * `healthy`: no finding is an error. `foreign`: nothing is wrong, but libgdbm of the machine in question cannot use
 * the file, because it is for another kind of machine. `damaged`: at least one finding is an error. `not-gdbm`:
 * nothing suggests the format.
 */
export type Verdict = 'healthy' | 'foreign' | 'damaged' | 'not-gdbm';

/** Result of a check of a file. */
export interface CheckResult {
  readonly verdict: Verdict;
  /** Bytes. */
  readonly size: number;
  /** Format in which the file is read; undefined for an empty file and for one that is not GDBM. */
  readonly format: FileFormat | undefined;
  /** Kind of a file that is not GDBM. */
  readonly other: OtherFile | undefined;
  readonly records: RecordCounts;
  /** In the order of the file's structures, the first 100 of each code and cause; see `groupFindings`. */
  readonly findings: readonly Finding[];
  /** Number of findings of each code. */
  readonly findingCounts: Partial<Record<FindingCode, number>>;
  /** Number of findings that each cause explains; left out if none explains any. */
  readonly explainedCounts?: ExplainedCounts;
  readonly space: SpaceAccount | undefined;
  /** Counted records whose value may not be the one that was stored; a repair does not keep them. */
  readonly doubtful: DoubtfulRecords | undefined;
  /**
   * Changes of all bytes of the file, the last one first, that were undone to read it; left out if there are none. All
   * sizes and offsets are those of the undone file.
   */
  readonly undone?: readonly TransformName[];
  /** Present if the file is an image with this database in it. */
  readonly image?: Image | undefined;
  /**
   * Error with which libgdbm 1.23 would refuse to open the file or count its records; null if both work. The machine
   * is the one in question, else one that writes such a file.
   */
  readonly libgdbm: LibgdbmMessage | null;
  /**
   * Result of a walk and of fetches by libgdbm; undefined if all is in order, if the file does not open, or if it is
   * unknown.
   */
  readonly use?: LibgdbmUse | undefined;
  /** Reason why a repair makes no database of the file, a whole sentence; undefined if it does. */
  readonly unrepairable?: string;
}

/** Result of the check of a database, in whatever state it is. */
export interface CheckedDatabase extends CheckResult {
  readonly format: FileFormat;
  readonly space: SpaceAccount;
  readonly doubtful: DoubtfulRecords;
}

/** Format of a file, and its header. */
export interface FileFormat extends Format {
  /** Flavour of hash of the stored keys; `undetermined` if every key has the same hash in both. */
  readonly hashChar: HashChar | 'undetermined';
  readonly geometry: Geometry;
  /** Fields of the header as they stand in the file. */
  readonly header: Header;
  readonly extended: ExtendedHeader | undefined;
  /** Share of the evidence that supports this reading, 0 to 1. */
  readonly confidence: number;
}

export interface RecordCounts {
  /** Records whose key gives the hash of their element. */
  readonly count: number;
  /** Bytes of their keys and values. */
  readonly bytes: number;
  /** Elements in use that are not such records, by reason. */
  readonly rejected: Partial<Record<LossReason, number>>;
  /** Buckets that could be read. */
  readonly buckets: number;
  /**
   * Rejected elements of overwritten buckets, which are no elements; the hashes of such a bucket count as uncovered.
   */
  readonly noElements: Partial<Record<LossReason, number>>;
  /** Share of all hashes, 0 to 1, whose directory slots do not lead to a bucket for them. */
  readonly uncovered: number;
  /** Estimated number of elements that the end of the file cut off buckets with other elements left. */
  readonly cutOff: number;
  /** Estimated number of records with a damaged value that nothing shows, derived from the damaged keys. */
  readonly likelyDamaged: number;
}

/**
 * Checks a database that is open and surveyed, and calls `visit` with the verdict on each bucket.
 *
 * @param judge the machine whose libgdbm is to use it; if it is left out, only the structure is judged
 */
export async function checkDatabase(
  db: Database,
  surveyed: ExaminedSurvey,
  visit?: (verdict: SiteVerdict) => void,
  judge?: Judge,
): Promise<CheckedDatabase> {
  const examination = surveyed.examination ?? (await examine(db, surveyed));
  const { marks } = examination;
  const { account, buckets, chain } = await accountFor(db, surveyed, examination);
  const { source, format, geometry } = db;
  const findings = new FindingList();

  // 1. Header and directory.
  const isOrdered = examination.inOrder !== undefined || isInOrder(surveyed);
  const isNew = await isCreationInterrupted(db);
  const hasLostBuckets = !isNew && !isOrdered && (await hasLostAllBuckets(db, surveyed, marks));
  if (isNew) findings.add([creationInterrupted(db)]);
  else {
    findings.add(checkHeader(db));
    if (isOrdered) findings.add(checkDirectoryPlace(db));
    else findings.add(hasLostBuckets ? [bucketsLost(db)] : checkDirectory(db, surveyed));
  }

  // 2. Free space in the header's chain.
  findings.add(chain.findings);

  // 3. Buckets, their elements and keys.
  const tally = new Tally();
  const isSilent = visit === undefined && isOrdered && !marks.sites.includes(1);
  // A database in order has no exceptions to explain.
  for await (const verdict of isSilent ? [] : judgeSites(db, surveyed, examination)) {
    visit?.(verdict);
    findings.add(verdict.findings);
    tally.take(verdict);
  }
  findings.add(wrongHashFindings(db));
  const { hashChar, foreign } = flavourOf(examination);
  if (foreign > 0) {
    findings.add([
      finding(
        'key-foreign-hash',
        null,
        `${foreign} keys with the hash of ${hashChar === 'signed' ? 'unsigned' : 'signed'} char`,
        `the hash of ${hashChar} char, as most keys`,
      ),
    ]);
  }

  // 4. An account of every byte.
  findings.add(judgeSpace(account, findings));
  const doubtful = await findDoubtful(db, surveyed, examination, account.overreaching);
  const records = {
    ...tally.counts(db, surveyed, isOrdered),
    count: examination.records,
    bytes: examination.bytes,
    buckets,
    likelyDamaged: await estimateHiddenDamage(db, surveyed, marks, tally.damagedKeys, account, doubtful),
    // A new database had no buckets yet, so that no hash lost its bucket.
    ...(isNew && { uncovered: 0 }),
    // Older buckets do not show which records the lost ones had.
    ...(hasLostBuckets && { uncovered: 1 }),
  };

  // 5. Other databases in the file, and bytes that belong to none.
  const image = await checkImage(db, account, findings);

  // 6. libgdbm, which sees the file as it is now.
  if (judge !== undefined) findings.add(foreignFindings({ ...format, ...examination }, judge));
  const verdict = verdictOf(findings);
  if (verdict !== 'damaged' && image === undefined) findings.add(judgeFreeSpace(account, source.size));
  // An image explains the bytes that are not of this database.
  const unrepairable =
    verdict === 'damaged' && !isNew && image === undefined
      ? await whyUnrepairable(db, surveyed, { records, account, doubtful })
      : undefined;
  const machine = judge ?? ownMachine(format, hashChar);
  const raw = asItIs(db);
  // If so, libgdbm reads the same buckets as the examination did.
  const areSame = verdict !== 'damaged' && examination.tablesValid && isOrdered && isOfJudge(format, machine);
  const libgdbm = await predictLibgdbm(raw, machine, areSame);
  const use =
    verdict === 'healthy' ? undefined : await predictUse(raw, machine, { db, survey: surveyed, examination });
  return {
    verdict,
    size: source.size,
    format: {
      ...format,
      hashChar,
      geometry,
      header: db.header,
      extended: db.extended,
      confidence: db.confidence,
    },
    other: undefined,
    records,
    findings: findings.kept,
    findingCounts: Object.fromEntries(findings.counts),
    explainedCounts: findings.explained,
    space: account,
    doubtful,
    ...(db.undone && { undone: db.undone.transforms.map(({ name, what }) => ({ name, what })) }),
    image,
    libgdbm,
    use,
    ...(unrepairable !== undefined && { unrepairable }),
  };
}

/** Returns the kind of machine that writes a database of this format. */
function ownMachine(format: Format, hashChar: FileFormat['hashChar']): Judge {
  // Undetermined keys have the same hash in both flavours.
  return { ...format, hashChar: hashChar === 'undetermined' ? 'signed' : hashChar };
}

function creationInterrupted({ source, geometry }: Database): Finding {
  const blocks = source.size / geometry.blockSize;
  return finding(
    'creation-interrupted',
    null,
    `the header of a new database, and ${source.size} bytes in all (${Number(blocks.toFixed(2))} blocks)`,
    'four blocks',
  );
}

/** Counts rejected elements, bucket by bucket, and the share of all hashes that is lost. */
class Tally {
  /** Buckets with a damaged head that still have records. */
  readonly #malformed: BucketSite[] = [];
  readonly #rejected: Partial<Record<LossReason, number>> = {};
  readonly #noElements: Partial<Record<LossReason, number>> = {};
  /** Keys that do not give their element's hash, at most {@link MAX_DAMAGED_KEYS}. */
  readonly damagedKeys: DamagedKey[] = [];

  /** Totals of sound buckets: elements in use, and the share of all hashes that the buckets cover. */
  #whole = { elements: 0, share: 0 };

  take({ site, kept, rejected, missing }: SiteVerdict): void {
    if (site.state === 'sound') {
      this.#whole.elements += site.used;
      this.#whole.share += 2 ** -site.bits;
    }
    // An overwritten bucket does not show how many elements it had.
    const isOverwritten = site.state === 'malformed' && kept === 0;
    if (site.state === 'malformed' && kept > 0) this.#malformed.push(site);
    const counts = isOverwritten ? [this.#rejected, this.#noElements] : [this.#rejected];
    for (const count of counts) {
      for (const { reason } of rejected) count[reason] = (count[reason] ?? 0) + 1;
      if (missing > 0) count.missing = (count.missing ?? 0) + missing;
    }
    if (isOverwritten) return;
    for (const one of rejected) {
      if (one.reason === 'key' && this.damagedKeys.length < MAX_DAMAGED_KEYS) this.damagedKeys.push(one);
    }
  }

  /**
   * Estimates how many elements the end of the file cut off a bucket whose other elements were found one by one. The
   * larger of two estimates counts: the lost part was as full as the rest, of which elements with a key beyond the
   * end are not found; or the bucket was as full as the whole ones.
   */
  #cutOffElements({ source, geometry }: Database, { state, offset, elements, bits }: BucketSite): number {
    if (state !== 'headless' || elements === undefined || !(offset >= geometry.blockSize)) return 0;
    const left = source.size - offset;
    const isCut = left > 0 && left < geometry.bucketSize && elements.every((at) => at >= offset);
    if (!isCut) return 0;
    const { share, elements: whole } = this.#whole;
    const asTheRest = (elements.length * geometry.bucketSize) / left;
    const asOthers = share === 0 ? 0 : (whole / share) * 2 ** -bits;
    return Math.max(0, Math.round(Math.max(asTheRest, asOthers)) - elements.length);
  }

  counts(
    db: Database,
    surveyed: Survey,
    isOrdered: boolean,
  ): Pick<RecordCounts, 'rejected' | 'noElements' | 'uncovered' | 'cutOff'> {
    const [rejected, noElements] = [this.#rejected, this.#noElements];
    if (isOrdered) return { rejected, noElements, cutOff: 0, uncovered: 0 };
    const slots = surveyed.siteOfSlot.length;
    let uncovered = 0;
    for (const { first, end } of surveyed.claims.open()) uncovered += (end - first) / HASH_RANGE;
    for (const { firstSlot, slots: own } of this.#malformed) {
      for (let slot = firstSlot; slot < firstSlot + own; slot++) {
        if (surveyed.claims.ownerOf(hashOfSlot(slot, slots)) === undefined) uncovered -= 1 / slots;
      }
    }
    return {
      rejected,
      noElements,
      cutOff: surveyed.sites.reduce((sum, site) => sum + this.#cutOffElements(db, site), 0),
      uncovered: Math.max(0, uncovered),
    };
  }
}

/** Returns the flavour of most keys whose hashes differ, and the number of keys with the other flavour. */
function flavourOf({ signed, unsigned }: Examination): {
  hashChar: HashChar | 'undetermined';
  foreign: number;
} {
  if (signed === 0 && unsigned === 0) return { hashChar: 'undetermined', foreign: 0 };
  return { hashChar: signed >= unsigned ? 'signed' : 'unsigned', foreign: Math.min(signed, unsigned) };
}

const NO_RECORDS: RecordCounts = {
  count: 0,
  bytes: 0,
  rejected: {},
  noElements: {},
  cutOff: 0,
  buckets: 0,
  uncovered: 1,
  likelyDamaged: 0,
};

/** Returns the result of the check of an empty file. */
export function checkEmpty(): CheckResult {
  const one = finding('empty-file', null, '0 bytes', 'a database; an empty one has four blocks');
  return {
    verdict: 'damaged',
    size: 0,
    format: undefined,
    other: undefined,
    records: NO_RECORDS,
    findings: [one],
    findingCounts: { [one.code]: 1 },
    space: undefined,
    doubtful: undefined,
    libgdbm: null,
  };
}

/** Returns the result of the check of a file that is not GDBM. */
export async function checkOther(source: Source, judge?: Judge): Promise<CheckResult> {
  return {
    verdict: 'not-gdbm',
    size: source.size,
    format: undefined,
    other: await identifySource(source),
    records: NO_RECORDS,
    findings: [],
    findingCounts: {},
    space: undefined,
    doubtful: undefined,
    libgdbm: await predictLibgdbm(source, judge),
  };
}

/** A database all of whose buckets and records are in order. */
export interface Proof {
  readonly records: number;
  /** Bytes of keys and values. */
  readonly bytes: number;
  readonly flavours: Readonly<Flavours>;
  readonly account: SpaceAccount;
  readonly buckets: DirectoryRuns;
  readonly runs: RecordRuns;
}

/** A check of a database whose buckets and records are all in order, and the proof of it. */
export interface ProvedCheck {
  readonly checked: CheckedDatabase;
  readonly proof: Proof;
}

/**
 * Checks a database that was examined, and proves that its buckets and records are all in order. The header, the
 * directory's place and the tables of free space may still have exceptions.
 *
 * @param judge the machine whose libgdbm is to use it; if it is left out, only the structure is judged
 * @returns undefined if anything else is not in order
 * @throws SourceError if the source cannot be read
 */
export async function checkExamined(
  db: Database,
  ordered: OrderedExamination,
  judge?: Judge,
): Promise<ProvedCheck | undefined> {
  const { marks, records, bytes, signed, unsigned, space, inOrder: buckets } = ordered.examination;
  // Keys of both kinds of machine in one file are a finding.
  const isMixed = signed > 0 && unsigned > 0;
  if (buckets === undefined || marks.hasMarked || isMixed || space.shared.length > 0) return undefined;
  const checked = await checkDatabase(db, ordered, undefined, judge);
  const { space: account } = checked;
  if (account.overlapCount > 0) return undefined;
  const flavours = { signed, unsigned, either: records - signed - unsigned };
  return { checked, proof: { records, bytes, flavours, account, buckets, runs: space.runs } };
}

/**
 * Checks a fresh copy of a database that was proved, as {@link checkExamined} does, without a look at its keys.
 *
 * @returns undefined where it is not in order, or not that copy
 * @throws SourceError if the source cannot be read
 */
export async function checkCopied(db: Database, from: CopiedFrom): Promise<ProvedCheck | undefined> {
  const ordered = await examineInOrder(db, undefined, from);
  return ordered && checkExamined(db, ordered);
}
