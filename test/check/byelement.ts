import { judgeSpace } from '../../src/check/account.js';
import { checkAvailChain } from '../../src/check/avail.js';
import type { BucketExamination } from '../../src/check/bucket.js';
import { bucketFindings, examineHead, whyNotRead } from '../../src/check/bucket.js';
import type { CheckResult } from '../../src/check/check.js';
import { checkDirectory } from '../../src/check/directory.js';
import type { KeyEvidence } from '../../src/check/element.js';
import { ElementExam, KEY_BUDGET, KeyBudget, sameKey, SMALL_KEY, startOf } from '../../src/check/element.js';
import type { Finding } from '../../src/check/finding.js';
import { finding, FindingList } from '../../src/check/finding.js';
import { checkHeader } from '../../src/check/header.js';
import type { RejectedElement, StoredRecord } from '../../src/check/marks.js';
import type { SpaceAccount } from '../../src/check/space.js';

import { wrongHashFindings } from '../../src/check/wronghash.js';
import type { Database } from '../../src/database/database.js';
import type { BucketSite } from '../../src/database/site.js';
import type { Survey } from '../../src/database/survey.js';
import { isReadable, owns, readSite } from '../../src/database/survey.js';
import type { AvailElement } from '../../src/format/avail.js';
import type { BucketView } from '../../src/format/bucket.js';
import { elementStruct, inLookupOrder } from '../../src/format/bucket.js';
import { offsetSize } from '../../src/format/format.js';
import type { HashChar } from '../../src/format/hash.js';
import { hashKey } from '../../src/format/hash.js';
import { SpaceMap } from './spacemap.js';

/** Result of a check that looks at one element after the other and keeps everything. */
export interface ByElement {
  readonly findings: CheckResult['findings'];
  readonly findingCounts: CheckResult['findingCounts'];
  readonly space: SpaceAccount;
  readonly records: Omit<CheckResult['records'], 'uncovered' | 'noElements' | 'cutOff' | 'likelyDamaged'>;
  readonly hashChar: string;
  readonly kept: StoredRecord[];
  readonly rejected: RejectedElement[];
}

/** Checks a database in the simplest way; what a check must agree with however it goes about it. */
export async function checkByElement(db: Database, survey: Survey): Promise<ByElement> {
  const { source, format, geometry } = db;
  const findings = new FindingList();
  const space = new SpaceMap();
  findings.add(checkHeader(db));
  space.add('header', 0, geometry.blockSize);
  findings.add(checkDirectory(db, survey));
  if (geometry.directory !== undefined) {
    space.add('directory', geometry.directory.offset, db.directory.length * offsetSize(format.layout));
  }
  const chain = await checkAvailChain(db, ({ av_adr, av_size }) => space.add('free', av_adr, av_size));
  findings.add(chain.findings);
  for (const { offset, bytes } of chain.blocks.slice(1)) space.add('avail', offset, bytes);
  const kept: StoredRecord[] = [];
  const rejected: RejectedElement[] = [];
  let buckets = 0;
  for await (const one of examineByElement(db, survey)) {
    const { site } = one;
    findings.add(one.findings);
    const proved = site.state === 'sound' && (site.origin === 'scan' || owns(site, site.firstSlot));
    if (site.elements !== undefined) {
      const { size } = elementStruct(format.layout);
      for (const at of site.elements) space.add('bucket', at, size);
    } else if (one.records.length > 0 || proved) {
      buckets++;
      space.add('bucket', site.offset, Math.min(geometry.bucketSize, source.size - site.offset));
    }
    for (const { av_adr, av_size } of one.free) space.add('free', av_adr, av_size);
    for (const { offset, keySize, dataSize } of one.records) space.add('record', offset, keySize + dataSize);
    kept.push(...one.records);
    rejected.push(...one.rejected);
  }
  findings.add(wrongHashFindings(db));
  const flavour = (name: string) => kept.filter(({ hashChar }) => hashChar === name).length;
  const [signed, unsigned] = [flavour('signed'), flavour('unsigned')];
  const hashChar = signed + unsigned === 0 ? 'undetermined' : signed >= unsigned ? 'signed' : 'unsigned';
  const foreign = Math.min(signed, unsigned);
  if (foreign > 0) {
    const other = hashChar === 'signed' ? 'unsigned' : 'signed';
    const found = `${foreign} keys with the hash of ${other} char`;
    findings.add([finding('key-foreign-hash', null, found, `the hash of ${hashChar} char, as most keys`)]);
  }
  const account = space.account(source.size);
  findings.add(judgeSpace(account, findings));
  const counts: Record<string, number> = {};
  for (const { reason } of rejected) counts[reason] = (counts[reason] ?? 0) + 1;
  const bytes = kept.reduce((sum, { keySize, dataSize }) => sum + keySize + dataSize, 0);
  return {
    findings: findings.kept,
    findingCounts: Object.fromEntries(findings.counts),
    space: account,
    records: { count: kept.length, bytes, rejected: counts, buckets },
    hashChar,
    kept,
    rejected,
  };
}

/** Examines each bucket by itself: its head, the fields of each element, and each key against its element. */
export async function* examineByElement(db: Database, survey: Survey): AsyncGenerator<BucketExamination> {
  const budgets: Partial<Record<BucketSite['state'], KeyBudget>> = {};
  const evidence = new Map<BucketSite, (KeyEvidence | undefined)[]>();
  // If keys claim more bytes than they may, only those of the file's first buckets are read.
  for (const site of [...survey.sites].sort((a, b) => a.offset - b.offset)) {
    if (!isReadable(site)) continue;
    const bucket = await readSite(db, site);
    const budget = (budgets[site.state] ??= new KeyBudget(KEY_BUDGET * db.source.size));
    const found: (KeyEvidence | undefined)[] = [];
    for (const i of new ElementExam(db, survey, site, bucket).candidates) {
      found.push(budget.allows(bucket.keySize(i)) ? await readKey(db, bucket, i) : undefined);
    }
    evidence.set(site, found);
  }
  for (const site of survey.sites) {
    let free: readonly AvailElement[] = [];
    let findings: readonly Finding[] = site.state === 'outdated' ? [] : [whyNotRead(site)];
    let judged = { records: [] as StoredRecord[], rejected: [] as RejectedElement[], missing: 0 };
    if (isReadable(site)) {
      const bucket = await readSite(db, site);
      const exam = new ElementExam(db, survey, site, bucket);
      const head = examineHead(db, site, bucket);
      const elements = exam.judge(await withRepeats(db, bucket, exam.candidates, evidence.get(site)!));
      free = head.free;
      findings = bucketFindings(head.findings, elements.findings);
      judged = {
        ...elements,
        records: recordsOf(site, bucket, exam.candidates, evidence.get(site)!, elements.rejected),
      };
    }
    const { records, rejected, missing } = judged;
    yield { site, free, findings, records, rejected, missing };
  }
}

/** Makes a record of each candidate that is not rejected. */
function recordsOf(
  site: BucketSite,
  bucket: BucketView,
  candidates: readonly number[],
  evidence: readonly (KeyEvidence | undefined)[],
  rejected: readonly RejectedElement[],
): StoredRecord[] {
  const isRejected = (i: number) => rejected.some(({ element }) => element === i);
  const records: StoredRecord[] = [];
  for (const [n, i] of candidates.entries()) {
    if (isRejected(i)) continue;
    const [offset, keySize, dataSize] = [bucket.dataPointer(i), bucket.keySize(i), bucket.dataSize(i)];
    const record = { hash: bucket.hash(i), hashChar: evidence[n]!.fits!, offset, keySize, dataSize };
    records.push({ ...record, bucket: site.offset, element: i });
  }
  return records;
}

async function readKey({ source }: Database, bucket: BucketView, i: number): Promise<KeyEvidence> {
  const key = await source.read(bucket.dataPointer(i), bucket.keySize(i));
  const fits = (['signed', 'unsigned'] as HashChar[]).filter((one) => hashKey(key, one) === bucket.hash(i));
  return { fits: fits.length === 2 ? 'either' : fits[0], start: startOf(key), repeats: false };
}

/** Marks keys that an element has, too, to which a lookup comes earlier. */
async function withRepeats(
  { source }: Database,
  bucket: BucketView,
  candidates: readonly number[],
  evidence: readonly (KeyEvidence | undefined)[],
): Promise<(KeyEvidence | undefined)[]> {
  const found = new Map(candidates.map((i, n) => [i, evidence[n]]));
  const keyOf = (i: number) => ({ offset: bucket.dataPointer(i), length: bucket.keySize(i) });
  const first: number[] = [];
  for (const i of inLookupOrder(candidates, (i) => bucket.hash(i), bucket.elements)) {
    const one = found.get(i);
    if (one?.fits === undefined || bucket.keySize(i) > SMALL_KEY) continue;
    let repeats = false;
    for (const other of first) {
      if (bucket.hash(other) !== bucket.hash(i) || bucket.keySize(other) !== bucket.keySize(i)) continue;
      repeats ||= await sameKey(source, keyOf(other), keyOf(i));
    }
    if (repeats) found.set(i, { ...one, repeats });
    else first.push(i);
  }
  return candidates.map((i) => found.get(i));
}
