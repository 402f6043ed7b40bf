import type { Database } from '../database/database.js';
import type { Survey } from '../database/survey.js';
import { isReadable, readSite } from '../database/survey.js';
import { FREE_HASH } from '../format/hash.js';
import { hashRanges } from './keyhashes.js';

/** Elements whose keys are read in one pass through the file. */
const BATCH = 1 << 20;

/**
 * Whether an element of any bucket points at a key that does not give its hash. It is the question that a sound file
 * answers with no, so it is asked of lists of numbers, before anything looks for what is wrong. Memory: 32 bytes for
 * each of up to 2^20 elements. A long key that would be read by itself is taken for one that does not fit.
 */
export async function hasMisfit(db: Database, survey: Survey): Promise<boolean> {
  const { source } = db;
  const room = Math.min(BATCH, capacityOf(db, survey));
  const offsets = new Float64Array(room);
  const sizes = new Int32Array(room);
  const own = new Int32Array(room);
  let length = 0;
  const misfits = async () => {
    const { signed, unsigned } = await hashRanges(source, { length, offsets, sizes });
    for (let n = 0; n < length; n++) if (own[n] !== signed[n] && own[n] !== unsigned[n]) return true;
    return false;
  };
  for (const site of survey.sites) {
    if (!isReadable(site)) continue;
    const bucket = await readSite(db, site);
    for (let i = 0; i < bucket.elements; i++) {
      const hash = bucket.hash(i);
      if (hash === FREE_HASH) continue;
      const offset = bucket.dataPointer(i);
      const size = bucket.keySize(i);
      // What is none of this file's places is another finding than a key that is not there.
      if (!(offset >= 0 && size >= 0 && offset + size <= source.size)) continue;
      if (length === room) {
        if (await misfits()) return true;
        length = 0;
      }
      offsets[length] = offset;
      sizes[length] = size;
      own[length++] = hash;
    }
  }
  return misfits();
}

function capacityOf({ geometry }: Database, { sites }: Survey): number {
  return sites.length * geometry.bucketElements;
}
