import type { AvailElement } from '../format/avail.js';
import type { BucketView } from '../format/bucket.js';
import { BUCKET_AVAIL, bucketStruct } from '../format/bucket.js';
import { HASH_BITS } from '../format/hash.js';
import { member } from '../format/struct.js';
import { cutElementsOf } from '../database/cutelements.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import type { Survey } from '../database/survey.js';
import { isReadable, readSite } from '../database/survey.js';
import { checkAvailTable } from './avail.js';
import { ElementExam } from './element.js';
import type { Finding, FindingCode } from './finding.js';
import { finding } from './finding.js';
import type { KeyEvidence, WantedKey } from './key.js';
import { KeyBudget, readKeys, sameKey } from './key.js';
import type { Source } from '../source/source.js';
import type { RejectedElement, StoredRecord } from './record.js';

/** What looking at one bucket and the keys of its elements gave. */
export interface BucketExamination {
  readonly site: BucketSite;
  readonly findings: readonly Finding[];
  /** Records whose key gives the element's hash, in the order of their elements. */
  readonly records: readonly StoredRecord[];
  readonly rejected: readonly RejectedElement[];
  /** Elements in use that are gone with their bytes. */
  readonly missing: number;
  /** Free space that the bucket's own avail table lists. */
  readonly free: readonly AvailElement[];
}

/**
 * An honest file's keys do not overlap, so together they are no larger than the file. Elements made to point at
 * one huge key would cost the key times as much; past this factor keys are not read.
 */
export const KEY_BUDGET = 2;
/** Keys of so many elements are read together, in order of their offsets: buckets lie in no order of their keys. */
const BATCH_ELEMENTS = 1 << 16;
/** Bytes of buckets that wait for their keys at most; nearly empty ones fill this first. */
const BATCH_BYTES = 8 << 20;

/**
 * Examines every bucket that the directory leads to, in order of their slots: the bucket's head, each element's
 * fields, and each key against its element. For what is damaged: an `examine` is as good and much faster for all else.
 *
 * @param sites those of the survey's buckets that are to be examined; all where it is left out
 */
export async function* examineByElement(
  db: Database,
  survey: Survey,
  sites: readonly BucketSite[] = survey.sites,
): AsyncGenerator<BucketExamination> {
  // What stands in damaged buckets may be anything, and must not use up what the sound ones need.
  const budgets = {
    sound: new KeyBudget(KEY_BUDGET * db.source.size),
    damaged: new KeyBudget(KEY_BUDGET * db.source.size),
  };
  let batch: PendingBucket[] = [];
  let elements = 0;
  for (const site of sites) {
    batch.push(await openBucket(db, survey, site));
    elements += site.used;
    const bytes = batch.length * db.geometry.bucketSize;
    if (elements < BATCH_ELEMENTS && bytes < BATCH_BYTES) continue;
    yield* examineBatch(db, batch, budgets);
    batch = [];
    elements = 0;
  }
  yield* examineBatch(db, batch, budgets);
}

/** A bucket that waits for its keys to be read. */
interface PendingBucket {
  readonly site: BucketSite;
  readonly findings: readonly Finding[];
  readonly free: readonly AvailElement[];
  /** Undefined where the bucket itself is not read. */
  readonly exam: ElementExam | undefined;
}

async function openBucket(db: Database, survey: Survey, site: BucketSite): Promise<PendingBucket> {
  if (!isReadable(site)) {
    // Of those the directory tells.
    const findings = site.state === 'outdated' ? [] : [whyNotRead(site)];
    return { site, findings, free: [], exam: undefined };
  }
  const bucket = await readSite(db, site);
  const { free, findings } = examineHead(db, site, bucket);
  return { site, findings, free, exam: new ElementExam(db, survey, site, bucket) };
}

function whyNotRead({ state, offset, bits }: BucketSite): Finding {
  if (state === 'wiped') {
    const byte = (bits & 0xff).toString(16).padStart(2, '0');
    return finding('bucket-header', offset, `a bucket all of whose bytes are 0x${byte}`, 'a bucket');
  }
  return state === 'overlapping'
    ? finding('bucket-overlap', offset, `a bucket at ${offset}`, 'bytes of its own')
    : finding('bucket-unread', offset, `a bucket at ${offset}`, 'buckets that fit the file');
}

async function* examineBatch(
  db: Database,
  batch: readonly PendingBucket[],
  budgets: Readonly<Record<'sound' | 'damaged', KeyBudget>>,
): AsyncGenerator<BucketExamination> {
  const wanted = batch.map(({ exam }) => exam?.wantedKeys() ?? []);
  const isSound = ({ site }: PendingBucket) => site.state === 'sound';
  const ofSound = wanted.filter((_, n) => isSound(batch[n])).flat();
  const ofDamaged = wanted.filter((_, n) => !isSound(batch[n])).flat();
  const affordable = [
    ...ofSound.filter((key) => budgets.sound.allows(key.length)),
    // The shortest first: sizes that are none are mostly huge.
    ...ofDamaged.sort((a, b) => a.length - b.length).filter((key) => budgets.damaged.allows(key.length)),
  ];
  const evidence = await readKeys(db.source, affordable);
  const evidenceOf = new Map(affordable.map((key, n) => [key, evidence[n]]));
  for (const [n, { site, findings, free, exam }] of batch.entries()) {
    const found = wanted[n].map((key) => evidenceOf.get(key));
    await markRepeated(db.source, wanted[n], found, exam?.lookupOrder() ?? []);
    const judged = exam?.judge(found);
    yield {
      site,
      free,
      findings: bucketFindings(findings, judged?.findings ?? []),
      records: judged?.records ?? [],
      rejected: judged?.rejected ?? [],
      missing: judged?.missing ?? 0,
    };
  }
}

/** Codes of elements in use that are none, which make the bucket's count wrong. */
const NO_ELEMENT: readonly FindingCode[] = ['element-hash', 'element-bounds', 'key-hash'];

/**
 * The findings of one bucket: a head that cannot be a bucket's explains elements that cannot be any; and elements that
 * cannot be any explain a wrong count of those in use.
 */
export function bucketFindings(ofHead: readonly Finding[], ofElements: readonly Finding[]): Finding[] {
  const isHeadWrong = ofHead.some(({ code }) => code === 'bucket-header');
  const noElement = ofElements.find(({ code }) => NO_ELEMENT.includes(code))?.code;
  const causeOf = (one: Finding): Partial<Finding> => {
    if (one.cause !== undefined || one.code === 'bucket-header') return {};
    if (isHeadWrong) return { cause: 'bucket-header' };
    return one.code === 'bucket-count' && noElement !== undefined ? { cause: noElement } : {};
  };
  return [...ofHead, ...ofElements].map((one) => ({ ...one, ...causeOf(one) }));
}

/**
 * Marks in a bucket the keys that an element has, too, which is earlier in an order of their numbers: those of one digest are
 * compared byte for byte.
 */
async function markRepeated(
  source: Source,
  wanted: readonly WantedKey[],
  evidence: readonly (KeyEvidence | undefined)[],
  order: readonly number[],
): Promise<void> {
  const seen = new Map<number, WantedKey[]>();
  for (const n of order) {
    const found = evidence[n];
    if (found?.digest === undefined || found.fits === undefined) continue;
    // Two numbers of 32 bits in one that is exact, but for a few bits of which the comparison knows nothing.
    const name = (found.digest >>> 0) * 2 ** 20 + (wanted[n].hash & 0xfffff);
    const others = seen.get(name);
    if (others === undefined) {
      seen.set(name, [wanted[n]]);
      continue;
    }
    for (const other of others) {
      if (other.hash !== wanted[n].hash || other.length !== wanted[n].length) continue;
      if (!(await sameKey(source, other, wanted[n]))) continue;
      found.repeats = true;
      break;
    }
    if (!found.repeats) others.push(wanted[n]);
  }
}

/** Whether there is anything to tell of a whole bucket's head; most have an empty table, which need not be looked at. */
export function isHeadTold(db: Database, site: BucketSite, bucket: BucketView): boolean {
  const { availCount } = bucket;
  return availCount > 0 && availCount <= BUCKET_AVAIL && examineHead(db, site, bucket).findings.length > 0;
}

/** What the head of a bucket says, and the free space that its own table lists. */
export function examineHead(
  db: Database,
  site: BucketSite,
  bucket: BucketView,
): { free: readonly AvailElement[]; findings: Finding[] } {
  const findings: Finding[] = [];
  const cut = cutElementsOf(db, site);
  if (site.state === 'headless' || cut?.head === true) return { free: [], findings };
  const struct = bucketStruct(db.format.layout);
  const at = (name: string) => site.offset + member(struct, name).offset;
  const directoryBits = db.directory.length === 0 ? HASH_BITS : Math.log2(db.directory.length);
  if (!(site.bits >= 0 && site.bits <= directoryBits)) {
    findings.push(
      finding('bucket-header', at('bucket_bits'), `bucket_bits ${site.bits}`, `0 to ${directoryBits}`),
    );
  }
  if (!(site.count >= 0 && site.count <= bucket.elements)) {
    findings.push(finding('bucket-header', at('count'), `count ${site.count}`, `0 to ${bucket.elements}`));
  } else if (site.count !== site.used && cut === undefined) {
    findings.push(
      finding('bucket-count', at('count'), `count ${site.count}`, `${site.used} elements in use`),
    );
  }
  if (!(site.availCount >= 0 && site.availCount <= BUCKET_AVAIL)) {
    findings.push(
      finding('bucket-avail', at('av_count'), `av_count ${site.availCount}`, `0 to ${BUCKET_AVAIL}`),
    );
    return { free: [], findings };
  }
  const checked = checkAvailTable(db, bucket.avail(site.availCount), at('bucket_avail'), 'bucket-avail');
  findings.push(...checked.findings);
  return { free: checked.free, findings };
}
