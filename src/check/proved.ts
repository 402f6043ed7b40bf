import type { Database } from '../database/database.js';
import type { Survey } from '../database/survey.js';
import { survey } from '../database/survey.js';
import { takeOthers } from './account.js';
import { isHeadTold } from './bucket.js';
import { SiteReader } from './bucketreader.js';
import type { CheckResult } from './check.js';
import { ownMachine } from './check.js';
import { checkDirectoryPlace } from './directory.js';
import { NONE_DOUBTFUL } from './doubtful.js';
import type { Examination } from './examination.js';
import { examine } from './examination.js';
import { Structures } from './extents.js';
import { FindingList, verdictOf } from './finding.js';
import { foreignFindings } from './foreign.js';
import { checkHeader } from './header.js';
import { checkImage } from './image.js';
import type { Judge } from './libgdbm.js';
import { isOfJudge, predictLibgdbm } from './libgdbm.js';
import { predictUse } from './libgdbmuse.js';
import { ElementMarks, KEPT, READ, SIGNED, UNSIGNED } from './marks.js';
import { MAX_PARTS, PART } from './parts.js';
import type { CopiedFrom, Proof } from './prove.js';
import { prove, proveCopy } from './prove.js';
import { judgeSpace } from './space.js';

/** A check of a database whose buckets and records are all in order, and the proof of it. */
export interface ProvedCheck {
  readonly checked: CheckResult;
  readonly proof: Proof;
}

/**
 * Checks a database by a proof that its buckets and records are all in order, which takes a small part of the time and
 * memory that examining each element does, and says the same. What may be wrong all the same is in the header, the
 * directory's place and the tables of free space.
 *
 * @param held elements remembered at a time, where fewer are wanted
 * @param judge the machine whose libgdbm is to use it; where it is left out the structure alone is judged
 * @returns undefined where there is no such proof, and each element is to be examined
 * @throws SourceError if the source cannot be read
 */
export function checkProved(db: Database, held?: number, judge?: Judge): Promise<ProvedCheck | undefined> {
  return checkBy(db, (structures, findings) => prove(db, structures, findings, held), judge);
}

/**
 * Checks a copy of a database that was proved, as {@link checkProved} does.
 *
 * @returns undefined where it is not in order, or not that copy
 * @throws SourceError if the source cannot be read
 */
export function checkCopied(db: Database, from: CopiedFrom): Promise<ProvedCheck | undefined> {
  return checkBy(db, (structures, findings) => proveCopy(db, structures, findings, from));
}

async function checkBy(
  db: Database,
  proveBuckets: (structures: Structures, findings: FindingList) => Promise<Proof | undefined>,
  judge?: Judge,
): Promise<ProvedCheck | undefined> {
  const { source, format, geometry } = db;
  if (geometry.directory === undefined || source.size / PART >= MAX_PARTS) return undefined;
  const findings = new FindingList();
  const structures = new Structures(source.size);

  // 1. Header and the directory's place.
  findings.add(checkHeader(db));
  findings.add(checkDirectoryPlace(db));

  // 2. Free space in the header's chain.
  const chain = await takeOthers(db, (kind, offset, length) =>
    structures.add(kind, offset, Math.min(length, source.size - offset)),
  );
  findings.add(chain.findings);

  // 3. Buckets, their elements and keys, and an account of every byte.
  const proof = await proveBuckets(structures, findings);
  if (proof === undefined) return undefined;
  const { records, bytes, flavours, account, buckets } = proof;
  // Keys of both kinds of machine in one file are a finding that is told elsewhere.
  if (flavours.signed > 0 && flavours.unsigned > 0) return undefined;
  findings.add(judgeSpace(account, findings));
  const image = await checkImage(db, account, findings);

  const told = flavours.signed > 0 ? 'signed' : 'unsigned';
  const hashChar = flavours.signed + flavours.unsigned === 0 ? 'undetermined' : told;
  if (judge !== undefined) findings.add(foreignFindings({ ...format, ...flavours }, judge));
  const verdict = verdictOf(findings);
  const machine = judge ?? ownMachine(format, hashChar);
  // Then the judge comes to the same buckets.
  const isAsJudged = verdict !== 'damaged' && proof.tablesValid && isOfJudge(format, machine);
  const checked: CheckResult = {
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
    records: {
      count: records,
      bytes,
      rejected: {},
      noElements: {},
      cutOff: 0,
      buckets: buckets.length,
      uncovered: 0,
      likelyDamaged: 0,
    },
    findings: findings.kept,
    findingCounts: Object.fromEntries(findings.counts),
    explainedCounts: findings.explained,
    space: account,
    doubtful: NONE_DOUBTFUL,
    image,
    libgdbm: await predictLibgdbm(source, machine, isAsJudged),
    use: verdict === 'healthy' ? undefined : await useOf(db, machine),
  };
  return { checked, proof };
}

/** What libgdbm of a machine gives of a database: each key is looked at once more. */
function useOf(db: Database, machine: Judge): Promise<CheckResult['use']> {
  return predictUse(db.source, machine, async () => {
    const surveyed = await survey(db);
    return { db, survey: surveyed, examination: await examine(db, surveyed) };
  });
}

/**
 * What examining each element of a database that was proved to be in order gives, without reading a key again. Which keys
 * tell the flavour of hash is not remembered: where any does, all are said to be of it.
 */
export async function examinationOf(
  db: Database,
  { sites }: Survey,
  { records, bytes, flavours, runs }: Proof,
): Promise<Examination> {
  const reader = new SiteReader(db);
  const marks = new ElementMarks(sites.length, reader.elements);
  const flavour = flavours.signed > 0 ? SIGNED : flavours.unsigned > 0 ? UNSIGNED : SIGNED | UNSIGNED;
  for (const [s, site] of sites.entries()) {
    const { used, usedCount } = await reader.read(site);
    if (isHeadTold(db, site, reader.view)) marks.sites[s] = 1;
    const first = s * marks.elements;
    for (let n = 0; n < usedCount; n++) marks.flags[first + used[n]] = READ | KEPT | flavour;
    marks.kept[s] = usedCount;
  }
  const { signed, unsigned } = flavours;
  return { marks, records, bytes, signed, unsigned, hasMisfit: false, runs };
}
