import { fromHome } from '../format/bucket.js';
import type { Database } from '../database/database.js';
import { placeNow } from '../database/database.js';
import type { Survey } from '../database/survey.js';
import { isReadable, readSite } from '../database/survey.js';
import { describeFormat } from '../format/format.js';
import { FREE_HASH } from '../format/hash.js';
import type { RowView, StructureView } from './structures.js';
import { derived } from './structures.js';

/** Collisions that are listed. */
const MAX_ROWS = 200;

/** The number of records as libgdbm counts them, by the heads of buckets, and of elements in use. */
export function inspectCount({ sites }: Survey): StructureView[] {
  const led = sites.filter(({ origin, state }) => origin === 'directory' && state === 'sound');
  const others = sites.filter((site) => !led.includes(site) && isReadable(site));
  const used = (of: typeof sites) => of.reduce((sum, site) => sum + site.used, 0);
  return [
    {
      structure: 'count',
      offset: null,
      size: 0,
      fields: [
        derived(
          'count',
          led.reduce((sum, { count }) => sum + count, 0),
          'as the heads of the buckets have it',
        ),
        derived('buckets', led.length, 'sound, and led to by the directory'),
        derived('in use', used(led), 'elements of these buckets'),
        derived('elsewhere', used(others), 'elements of damaged or orphaned buckets'),
      ],
    },
  ];
}

/**
 * Elements that are not at home because another one was there first, and keys with the same hash. Both are sound; many of
 * them make lookups slow, and more keys of one hash than a bucket holds cannot be stored.
 */
export async function inspectCollisions(db: Database, { sites }: Survey): Promise<StructureView[]> {
  let inUse = 0;
  let displaced = 0;
  let steps = 0;
  let longest = 0;
  let equal = 0;
  const rows: RowView[] = [];
  for (const site of sites) {
    if (site.state !== 'sound') continue;
    const bucket = await readSite(db, site);
    const seen = new Map<number, number>();
    for (let i = 0; i < bucket.elements; i++) {
      const hash = bucket.hash(i);
      if (hash === FREE_HASH || hash < 0) continue;
      inUse++;
      const distance = fromHome(i, hash, bucket.elements);
      if (distance > 0) displaced++;
      steps += distance;
      longest = Math.max(longest, distance);
      const first = seen.get(hash);
      if (first === undefined) seen.set(hash, i);
      else {
        equal++;
        if (rows.length < MAX_ROWS) rows.push({ hash, bucket: placeNow(db, site.offset), first, element: i });
      }
    }
  }
  return [
    {
      structure: 'collisions',
      offset: null,
      size: 0,
      fields: [
        derived('in use', inUse, 'elements'),
        derived('displaced', displaced, 'not at their home position'),
        derived('mean', inUse === 0 ? 0 : Number((steps / inUse).toFixed(3)), 'steps from home'),
        derived('longest', longest, 'steps from home'),
        derived('same hash', equal, 'as an earlier element of the bucket'),
      ],
      ...(rows.length > 0 && { rows }),
    },
  ];
}

/** A summary of the format and the state of a file. */
export function inspectStatus(db: Database, { sites, claims }: Survey): StructureView[] {
  const { format, geometry, header, headerLost, confidence, extended, source } = db;
  let open = 0;
  for (const { first, end } of claims.open()) open += (end - first) / 2 ** 31;
  return [
    {
      structure: 'status',
      offset: null,
      size: 0,
      fields: [
        derived(
          'format',
          describeFormat(format),
          `${(confidence * 100).toFixed(0)} % of the evidence agrees`,
        ),
        derived('header', headerLost ? 'lost' : 'there'),
        derived(
          'size',
          source.size,
          header.next_block === source.size ? 'as next_block says' : 'next_block differs',
        ),
        derived('block size', geometry.blockSize),
        derived(
          'directory',
          geometry.directory === undefined ? 'not found' : geometry.directory.offset,
          `${db.directory.length} slots`,
        ),
        derived('buckets', sites.length, `${sites.filter(({ state }) => state === 'sound').length} sound`),
        derived('uncovered', `${(open * 100).toFixed(2)} %`, 'of all hashes have no bucket'),
        ...(extended === undefined ? [] : [derived('numsync', extended.numsync)]),
      ],
    },
  ];
}
