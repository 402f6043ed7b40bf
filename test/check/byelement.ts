import { checkAvailChain } from '../../src/check/avail.js';
import { examineByElement } from '../../src/check/bucket.js';
import type { CheckResult } from '../../src/check/check.js';
import { checkDirectory } from '../../src/check/directory.js';
import { finding, FindingList } from '../../src/check/finding.js';
import { checkHeader } from '../../src/check/header.js';
import { judgeSpace } from '../../src/check/space.js';
import type { RejectedElement, StoredRecord } from '../../src/check/record.js';
import type { SpaceAccount } from '../../src/check/space.js';
import { wrongHashFindings } from '../../src/check/wronghash.js';
import type { Database } from '../../src/database/database.js';
import type { Survey } from '../../src/database/survey.js';
import { owns } from '../../src/database/survey.js';
import { elementStruct } from '../../src/format/bucket.js';
import { offsetSize } from '../../src/format/format.js';
import { SpaceMap } from './spacemap.js';

/** What a check finds when it looks at one element after the other and keeps everything. */
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
