import { checkAvailChain } from '../check/avail.js';
import { examineHead } from '../check/bucket.js';
import type { Examination } from '../check/examination.js';
import { KEPT } from '../check/marks.js';
import { SiteReader } from '../check/bucketreader.js';
import type { OffsetList } from '../numbers.js';
import type { Database } from '../database/database.js';
import { placeNow } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import { isReadable, provesItself } from '../database/survey.js';
import { elementStruct } from '../format/bucket.js';
import { offsetSize } from '../format/format.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import type { Claim, ClaimKind, Claims } from './claims.js';
import type { ElementSet } from './elements.js';
import { placesNow } from './place.js';

/** Elements that claim bytes although they prove no record in force. */
export interface OtherElements {
  /** In use, and damaged. */
  readonly damaged: ElementSet;
  /** Free, and still leading to the key that they had. */
  readonly deleted: ElementSet;
  /** File offsets and bytes of records that only superseded buckets know. */
  readonly stale: { readonly offsets: OffsetList; readonly lengths: OffsetList };
}

/**
 * All that claims bytes of a database that was examined, at the offsets of the file as it lies there. It is read from the
 * buckets each time, so that nothing is held of it.
 */
export function claimsOf(
  db: Database,
  survey: SearchedSurvey,
  { marks }: Examination,
  { damaged, deleted, stale }: OtherElements,
): Claims {
  const { geometry, directory, format, headerLost } = db;
  const { sites } = survey;
  const elementSize = elementStruct(format.layout).size;

  return async (tell) => {
    // Where nothing was moved there is no need of an iterator for each of millions of records.
    const claim: Claim =
      db.rearrangement === undefined && db.fault === undefined
        ? (kind, offset, length) => tell(kind, placeNow(db, offset), length)
        : (kind, offset, length) => {
            for (const place of placesNow(db, offset, length)) tell(kind, place.offset, place.length);
          };

    // 1. The header, the directory and the chain of avail blocks.
    claim(headerLost ? 'damaged' : 'header', 0, geometry.blockSize);
    if (geometry.directory !== undefined) {
      const leads = sites.some(({ origin }) => origin === 'directory');
      const size = directory.length * offsetSize(format.layout);
      claim(leads ? 'directory' : 'damaged', geometry.directory.offset, size);
    }
    const free = ({ av_adr, av_size }: { av_adr: number; av_size: number }) => claim('free', av_adr, av_size);
    const { blocks } = await checkAvailChain(db, free);
    for (const { offset, bytes } of blocks.slice(1)) claim('avail', offset, bytes);

    // 2. Buckets, their free space, and what their elements lead to.
    const reader = new SiteReader(db);
    for (const [s, site] of sites.entries()) {
      if (site.elements !== undefined) for (const at of site.elements) claim('bucket', at, elementSize);
      else {
        const kind = kindOf(site, marks.kept[s]);
        if (kind !== undefined) claim(kind, site.offset, geometry.bucketSize);
      }
      if (!isReadable(site)) continue;
      const words = await reader.read(site);
      examineHead(db, site, reader.view).free.forEach(free);
      const others = damaged.hasAny(s) || deleted.hasAny(s);
      if (marks.kept[s] === 0 && !others) continue;
      for (let i = 0, at = s * marks.elements; i < marks.elements; i++, at++) {
        if ((marks.flags[at] & KEPT) !== 0) {
          claim('record', words.pointer(i), words.keySize(i) + words.dataSize(i));
        } else if (others && (damaged.has(s, i) || deleted.has(s, i))) {
          const { view } = reader;
          const kind = damaged.has(s, i) ? 'damaged' : 'deleted';
          claim(kind, view.dataPointer(i), view.keySize(i) + view.dataSize(i));
        }
      }
    }

    // 3. What only superseded buckets know.
    const { offsets, lengths } = stale;
    for (let i = 0; i < offsets.length; i++) claim('deleted', offsets.at(i), lengths.at(i));
  };
}

/** What a bucket's own bytes are; undefined where nothing says that they are its. */
export function kindOf(site: BucketSite, kept: number): ClaimKind | undefined {
  const { state } = site;
  if (state === 'sound') return kept > 0 || provesItself(site) ? 'bucket' : undefined;
  return state === 'malformed' || state === 'wiped' ? 'damaged' : undefined;
}
