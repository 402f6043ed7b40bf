import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import type { Survey } from '../database/survey.js';
import { readSite, roomForBucket } from '../database/survey.js';
import type { BucketView } from '../format/bucket.js';
import { KEY_START } from '../format/bucket.js';
import { readUpTo } from '../source/source.js';
import type { BucketExamination } from './bucket.js';
import { bucketFindings, examineByElement, examineHead } from './bucket.js';
import { ElementExam } from './element.js';
import type { ExaminedSurvey, Examination } from './examination.js';
import { isPlain } from './examination.js';
import type { Finding } from './finding.js';
import type { KeyEvidence, WantedKey } from './key.js';
import { startOf } from './key.js';
import type { ElementMarks } from './marks.js';
import { KEPT, MARKED, READ, REPEATS, SIGNED, START, UNSIGNED } from './marks.js';
import type { RejectedElement, StoredRecord } from './record.js';
import { SiteReader } from './bucketreader.js';
import type { BucketWords } from '../format/bucketwords.js';

/** What there is to tell about one bucket. */
export interface SiteVerdict {
  readonly site: BucketSite;
  /** How many of its elements prove a record. */
  readonly kept: number;
  readonly findings: readonly Finding[];
  /** Elements in use that prove no record. */
  readonly rejected: readonly RejectedElement[];
  /** Elements in use that are gone with their bytes. */
  readonly missing: number;
}

/**
 * Examines buckets, in the order of the survey or of `sites`: their heads, their elements and the keys. Where the survey
 * was examined no key is read again. What it gives is the same in any case, so that a check and a repair never judge
 * differently.
 *
 * @param sites those of the survey's buckets that are wanted; all where it is left out
 */
export async function* examineBuckets(
  db: Database,
  survey: ExaminedSurvey,
  sites: readonly BucketSite[] = survey.sites,
): AsyncGenerator<BucketExamination> {
  const { examination } = survey;
  if (examination === undefined) {
    yield* examineByElement(db, survey, sites);
    return;
  }
  const { marks } = examination;
  const damaged = examineByElement(
    db,
    survey,
    sites.filter((site) => !isPlain(site)),
  );
  // Of all of them their numbers need no map.
  const numbers = sites === survey.sites ? undefined : new Map(survey.sites.map((site, s) => [site, s]));
  const reader = new SiteReader(db);
  const room = roomForBucket(db);
  for (const [n, site] of sites.entries()) {
    if (!isPlain(site)) {
      const next = await damaged.next();
      if (next.done) return;
      yield next.value;
      continue;
    }
    const s = numbers === undefined ? n : numbers.get(site)!;
    const words = await reader.read(site);
    const { free } = examineHead(db, site, reader.view);
    const records: StoredRecord[] = [];
    for (let i = 0, at = s * marks.elements; i < marks.elements; i++, at++) {
      if ((marks.flags[at] & KEPT) !== 0) records.push(recordOf(words, i, site.offset, marks.hashChar(at)));
    }
    const told = marks.sites[s] === 0 ? NOTHING : await judgeSite(db, survey, marks, s, room);
    yield { site, free, records, ...told };
  }
}

const NOTHING = { findings: [], rejected: [], missing: 0 };

function recordOf(
  words: BucketWords,
  i: number,
  bucket: number,
  hashChar: StoredRecord['hashChar'],
): StoredRecord {
  return {
    hash: words.hash(i),
    hashChar,
    offset: words.pointer(i),
    keySize: words.keySize(i),
    dataSize: words.dataSize(i),
    bucket,
    element: i,
  };
}

/** Tells, in the order of the survey, what an examination marked. Reads only buckets that have something to tell. */
export async function* judgeSites(
  db: Database,
  survey: Survey,
  { marks }: Examination,
): AsyncGenerator<SiteVerdict> {
  const { sites } = survey;
  const room = roomForBucket(db);
  const damaged = examineByElement(
    db,
    survey,
    sites.filter((site) => !isPlain(site)),
  );
  for (const [s, site] of sites.entries()) {
    const kept = marks.kept[s];
    if (!isPlain(site)) {
      const next = await damaged.next();
      if (next.done) return;
      const { findings, rejected, missing } = next.value;
      yield { site, kept, findings, rejected, missing };
    } else if (marks.sites[s] === 0) yield { site, kept, ...NOTHING };
    else yield { site, kept, ...(await judgeSite(db, survey, marks, s, room)) };
  }
}

async function judgeSite(
  db: Database,
  survey: Survey,
  { flags, elements }: ElementMarks,
  s: number,
  room: BucketView,
): Promise<Omit<SiteVerdict, 'site' | 'kept'>> {
  const site = survey.sites[s];
  const first = s * elements;
  const bucket = await readSite(db, site, room);
  const exam = new ElementExam(db, survey, site, bucket, (i) => (flags[first + i] & MARKED) !== 0);
  const wanted = exam.wantedKeys();
  const evidence: (KeyEvidence | undefined)[] = [];
  for (const [n, i] of exam.candidates.entries()) {
    evidence.push(await evidenceOf(db, bucket, i, wanted[n], flags[first + i]));
  }
  const { findings, rejected, missing } = exam.judge(evidence);
  const ofHead = examineHead(db, site, bucket).findings;
  return { findings: bucketFindings(ofHead, findings), rejected, missing };
}

/** What was found out about a key, as {@link ElementExam} wants it. */
async function evidenceOf(
  { source }: Database,
  bucket: BucketView,
  i: number,
  { offset, length }: WantedKey,
  flags: number,
): Promise<KeyEvidence | undefined> {
  if ((flags & READ) === 0) return undefined;
  const flavours = flags & (SIGNED | UNSIGNED);
  const known = Math.min(KEY_START, length);
  const start =
    (flags & START) === 0 ? bucket.keyStart(i).subarray(0, known) : await readUpTo(source, offset, known);
  return {
    fits:
      flavours === 0
        ? undefined
        : flavours === SIGNED
          ? 'signed'
          : flavours === UNSIGNED
            ? 'unsigned'
            : 'either',
    start: startOf(start),
    digest: undefined,
    repeats: (flags & REPEATS) !== 0,
  };
}
