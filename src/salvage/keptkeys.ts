import { SiteReader } from '../check/bucketreader.js';
import type { Examination } from '../check/examination.js';
import { KEPT } from '../check/marks.js';
import type { Database } from '../database/database.js';
import type { Survey } from '../database/survey.js';
import { RangeReader } from '../source/ranges.js';

/** Keys that are read in one pass: 28 bytes each besides their own. */
const HELD = 1 << 18;

/**
 * Reads the keys of all records that an examination proved, of many buckets together.
 *
 * @param maxKey bytes of the longest key that is wanted
 * @param visit gets each key, which is only valid during the call
 */
export async function eachKeptKey(
  db: Database,
  { sites }: Survey,
  { marks, records }: Examination,
  maxKey: number,
  visit: (key: Uint8Array) => void,
): Promise<void> {
  const capacity = Math.min(HELD, records);
  const offsets = new Float64Array(capacity);
  const sizes = new Int32Array(capacity);
  let held = 0;
  const reader = new SiteReader(db);
  const keys = new RangeReader(db.source);
  const { flags, kept, elements } = marks;
  const readHeld = async () => {
    await keys.read(offsets.subarray(0, held), sizes, (n, bytes, at) =>
      visit(bytes.subarray(at, at + sizes[n])),
    );
    held = 0;
  };
  for (const [s, site] of sites.entries()) {
    if (kept[s] === 0) continue;
    const words = await reader.read(site);
    for (let i = 0, at = s * elements; i < elements; i++, at++) {
      if ((flags[at] & KEPT) === 0 || words.keySize(i) > maxKey) continue;
      if (held === capacity) await readHeld();
      offsets[held] = words.pointer(i);
      sizes[held++] = words.keySize(i);
    }
  }
  await readHeld();
}
