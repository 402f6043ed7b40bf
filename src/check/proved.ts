import type { Database } from '../database/database.js';
import { takeOthers } from './accounting.js';
import type { CheckResult } from './check.js';
import { checkDirectoryPlace } from './directory.js';
import { FindingList } from './finding.js';
import { NONE_DOUBTFUL } from './doubtful.js';
import { checkHeader } from './header.js';
import { checkImage } from './image.js';
import { isOfJudge, predictLibgdbm } from './libgdbm.js';
import { judgeSpace } from './overlap.js';
import type { CopiedFrom } from './sound/copied.js';
import { proveCopy } from './sound/copied.js';
import { MAX_PARTS, PART } from './sound/parts.js';
import type { Proof } from './sound/prove.js';
import { prove } from './sound/prove.js';
import { Structures } from './sound/structures.js';

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
 * @returns undefined where there is no such proof, and each element is to be examined
 * @throws SourceError if the source cannot be read
 */
export function checkProved(db: Database, held?: number): Promise<ProvedCheck | undefined> {
  return checkBy(db, (structures, findings) => prove(db, structures, findings, held));
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

  const verdict = findings.has('error') ? 'damaged' : 'healthy';
  // Then the judge comes to the same buckets.
  const isAsJudged = verdict === 'healthy' && proof.tablesValid && isOfJudge(format);
  const told = flavours.signed > 0 ? 'signed' : 'unsigned';
  const checked: CheckResult = {
    verdict,
    size: source.size,
    format: {
      ...format,
      hashChar: flavours.signed + flavours.unsigned === 0 ? 'undetermined' : told,
      geometry,
      header: db.header,
      extended: db.extended,
      confidence: db.confidence,
    },
    other: undefined,
    records: { count: records, bytes, rejected: {}, buckets: buckets.length, uncovered: 0 },
    findings: findings.kept,
    findingCounts: Object.fromEntries(findings.counts),
    explainedCounts: findings.explained,
    space: account,
    doubtful: NONE_DOUBTFUL,
    image,
    libgdbm: await predictLibgdbm(source, isAsJudged),
  };
  return { checked, proof };
}
