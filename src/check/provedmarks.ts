import type { Database } from '../database/database.js';
import type { Survey } from '../database/survey.js';
import { isHeadTold } from './bucket.js';
import type { Examination } from './examination.js';
import { ElementMarks, KEPT, READ, SIGNED, UNSIGNED } from './marks.js';
import { SiteReader } from './sitereader.js';
import type { Proof } from './sound/prove.js';

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
