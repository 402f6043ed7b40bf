import { cutElements } from '../database/database.js';
import type { Database } from '../database/database.js';
import { isHeld, readDirectory } from '../database/readdirectory.js';
import type { BucketSite } from '../database/site.js';
import type { Survey } from '../database/survey.js';
import { isReadable } from '../database/survey.js';
import type { AvailElement } from '../format/avail.js';
import type { BucketView } from '../format/bucket.js';
import { BUCKET_AVAIL, KEY_START, bucketStruct } from '../format/bucket.js';
import { endOfRun, slotOf } from '../format/directory.js';
import { HASH_BITS } from '../format/hash.js';
import { member } from '../format/struct.js';
import { firstAfter } from '../numbers.js';
import type { Source } from '../source/source.js';
import { readUpTo } from '../source/source.js';
import { checkAvailTable } from './avail.js';
import { SiteReader } from './bucketreader.js';
import type { KeyEvidence } from './element.js';
import { ElementExam, startOf } from './element.js';
import type { Examination, ExaminedSurvey } from './examination.js';
import { examine } from './examination.js';
import type { Finding, FindingCode } from './finding.js';
import { finding } from './finding.js';
import type { ElementMarks, RejectedElement, StoredRecord } from './marks.js';
import { KEPT, MARKED, READ, REPEATS, SIGNED, START, UNSIGNED, eachKept } from './marks.js';

/*
 * The findings of a bucket, one file for all of them.
 *
 * 1. `examineHead` reports its head and its table of free space: `bucket-header`, `bucket-count`, `bucket-avail`.
 * 2. `ElementExam` of element.ts explains each element that the examination marked.
 * 3. `bucketFindings` says which finding causes which: a count is wrong because an element in use is none.
 * 4. `whyNotRead` reports a bucket that is not read, and `hasLostAllBuckets` a file of which no bucket is left.
 *
 * A repair mends no bucket in place. It copies the records that the elements prove into a fresh file, whose buckets
 * get the right bits and count when they are written: write/frame.ts, `BucketWriter`.
 */

/** The result of the examination of one bucket. */
export interface SiteVerdict {
  readonly site: BucketSite;
  /** Number of its elements that prove a record. */
  readonly kept: number;
  readonly findings: readonly Finding[];
  /** Elements in use that prove no record. */
  readonly rejected: readonly RejectedElement[];
  /** Number of elements in use whose bytes are gone. */
  readonly missing: number;
}

/** Result of the examination of one bucket, with its records. */
export interface BucketExamination extends Omit<SiteVerdict, 'kept'> {
  /** Records whose key gives the element's hash, in the order of their elements. */
  readonly records: readonly StoredRecord[];
  /** Free space that the bucket's own avail table lists. */
  readonly free: readonly AvailElement[];
}

/**
 * Explains the exceptions that an examination marked, in the order of the survey. Reads only buckets with exceptions,
 * and does not read their keys again.
 */
export async function* judgeSites(
  db: Database,
  survey: Survey,
  { marks }: Examination,
): AsyncGenerator<SiteVerdict> {
  const reader = new SiteReader(db);
  for (let s = 0; s < survey.sites.length; s++) {
    const site = survey.sites[s];
    const isUsual = marks.sites[s] === 0 && isReadable(site);
    const { findings, rejected, missing } = isUsual ? NOTHING : await explain(db, survey, marks, s, reader);
    yield { site, kept: marks.kept[s], findings, rejected, missing };
  }
}

/**
 * Yields buckets with their records, in the order of the survey or of `sites`. If the survey was examined, no key is
 * read again.
 *
 * @param sites buckets of the survey that are wanted; all by default
 */
export async function* examineBuckets(
  db: Database,
  survey: ExaminedSurvey,
  sites: readonly BucketSite[] = survey.sites,
): AsyncGenerator<BucketExamination> {
  const { marks } = survey.examination ?? (await examine(db, survey));
  // The survey's own list has each bucket at its number, so that it needs no map.
  const numbers = sites === survey.sites ? undefined : new Map(survey.sites.map((site, s) => [site, s]));
  const reader = new SiteReader(db);
  for (const [n, site] of sites.entries()) {
    const s = numbers === undefined ? n : numbers.get(site)!;
    const explained = await explain(db, survey, marks, s, reader);
    if (!isReadable(site)) {
      yield { site, free: [], records: [], ...explained };
      continue;
    }
    const words = await reader.read(site);
    const { free } = examineHead(db, site, reader.view);
    const records: StoredRecord[] = [];
    for (let i = 0, at = s * marks.elements; i < marks.elements; i++, at++) {
      if ((marks.flags[at] & KEPT) === 0) continue;
      records.push({
        hash: words.hash(i),
        hashChar: marks.hashChar(at),
        offset: words.pointer(i),
        keySize: words.keySize(i),
        dataSize: words.dataSize(i),
        bucket: site.offset,
        element: i,
      });
    }
    yield { site, free, records, ...explained };
  }
}

const NOTHING = { findings: [], rejected: [], missing: 0 };

/** Explains the exceptions of a bucket. */
async function explain(
  db: Database,
  survey: Survey,
  { flags, sites, elements }: ElementMarks,
  s: number,
  reader: SiteReader,
): Promise<Omit<SiteVerdict, 'site' | 'kept'>> {
  const site = survey.sites[s];
  // The directory's findings report an outdated bucket.
  if (!isReadable(site))
    return site.state === 'outdated' ? NOTHING : { ...NOTHING, findings: [whyNotRead(site)] };
  if (sites[s] === 0) return NOTHING;
  await reader.read(site);
  const bucket = reader.view;
  const first = s * elements;
  const exam = new ElementExam(db, survey, site, bucket, (i) => (flags[first + i] & MARKED) !== 0);
  const evidence: (KeyEvidence | undefined)[] = [];
  for (const i of exam.candidates) evidence.push(await evidenceOf(db.source, bucket, i, flags[first + i]));
  const { findings, rejected, missing } = exam.judge(evidence);
  return {
    findings: bucketFindings(examineHead(db, site, bucket).findings, findings),
    rejected,
    missing,
  };
}

/** Returns the evidence of an element's key, from the element's marks. */
async function evidenceOf(
  source: Source,
  bucket: BucketView,
  i: number,
  flags: number,
): Promise<KeyEvidence | undefined> {
  if ((flags & READ) === 0) return undefined;
  const flavours = flags & (SIGNED | UNSIGNED);
  const known = Math.min(KEY_START, bucket.keySize(i));
  const start =
    (flags & START) === 0
      ? bucket.keyStart(i).subarray(0, known)
      : await readUpTo(source, bucket.dataPointer(i), known);
  const one = flavours === SIGNED ? 'signed' : 'unsigned';
  return {
    fits: flavours === 0 ? undefined : flavours === (SIGNED | UNSIGNED) ? 'either' : one,
    start: startOf(start),
    repeats: (flags & REPEATS) !== 0,
  };
}

/** Returns the finding for a bucket that is not read. */
export function whyNotRead({ state, offset, bits }: BucketSite): Finding {
  if (state === 'wiped') {
    const byte = (bits & 0xff).toString(16).padStart(2, '0');
    return finding('bucket-header', offset, `a bucket all of whose bytes are 0x${byte}`, 'a bucket');
  }
  return state === 'overlapping'
    ? finding('bucket-overlap', offset, `a bucket at ${offset}`, 'bytes of its own')
    : finding('bucket-unread', offset, `a bucket at ${offset}`, 'buckets that fit the file');
}

/** Codes of invalid elements that look as if they were in use, which makes the bucket's count wrong. */
const NO_ELEMENT: readonly FindingCode[] = ['element-hash', 'element-bounds', 'key-hash'];

/**
 * Returns the findings of one bucket with their causes: an impossible head explains impossible elements, and
 * impossible elements explain a wrong count of elements in use.
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

/** Checks the head of a bucket, and lists the free space of its own table. */
export function examineHead(
  db: Database,
  site: BucketSite,
  bucket: BucketView,
): { free: readonly AvailElement[]; findings: Finding[] } {
  const findings: Finding[] = [];
  const cut = cutElements(db, site.offset);
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
    // A repair goes by the elements, and counts them anew in its fresh file.
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

/**
 * Tells whether the directory is whole and nothing is left of any bucket that it names. The records that were found
 * then come from older buckets, which splits left behind. Their values may be outdated, deleted records may be among
 * them, and the contents of the lost buckets are unknown. All of these conditions must hold:
 *
 * 1. The header is trusted, and each entry of the directory that it names is a bucket's place below `next_block`.
 * 2. Records were found, and none of them by an element in one of these places.
 * 3. The directory leads to several places for the hashes of each bucket with records, so that the bucket was split.
 *    A bucket whose hashes the directory leads to a single place may be newer than the directory.
 */
export async function hasLostAllBuckets(db: Database, survey: Survey, marks: ElementMarks): Promise<boolean> {
  const { source, format, header, geometry, headerLost, layout } = db;
  if (headerLost || layout !== undefined) return false;
  const withRecords = survey.sites.filter((_, s) => marks.kept[s] > 0);
  if (withRecords.length === 0 || withRecords.some(({ origin }) => origin === 'directory')) return false;
  const { dir, dir_bits: bits, next_block: nextBlock } = header;
  if (!(bits >= 0 && bits < 31 && (await isHeld(source, format, { offset: dir, bits })))) return false;
  const entries = await readDirectory(source, format, { offset: dir, bits });
  const last = nextBlock - geometry.bucketSize;
  if (!entries.every((entry) => entry >= geometry.blockSize && entry <= last)) return false;
  const places = entries.slice().sort();
  const isNamed = (offset: number) => {
    const before = firstAfter(places, offset) - 1;
    return before >= 0 && offset < places[before] + geometry.bucketSize;
  };
  if (withRecords.some(({ offset, elements }) => (elements ?? [offset]).some(isNamed))) return false;
  let areSplit = true;
  await eachKept(db, survey, marks, (words, i, s) => {
    const { state, bits: own } = survey.sites[s];
    if (state !== 'sound' || !areSplit) return;
    const first = own > bits ? slotOf(words.hash(i), bits) : slotOf(words.hash(i), own) * 2 ** (bits - own);
    const end = own > bits ? first + 1 : first + 2 ** (bits - own);
    areSplit = endOfRun(entries, first) < end;
  });
  return areSplit;
}

/** Returns the finding for a file that lost all its buckets; it replaces those about the directory. */
export function bucketsLost({ header: { dir, dir_bits: bits } }: Database): Finding {
  const found = `a whole directory of ${2 ** bits} entries, and nothing left of the buckets that it names`;
  return finding('buckets-lost', dir, found, 'a bucket at each place that the directory names');
}
