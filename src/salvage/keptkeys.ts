import type { Examination } from '../check/examination.js';
import { KEPT } from '../check/marks.js';
import { SiteReader } from '../check/bucketreader.js';
import { ElementColumns } from '../check/columns.js';
import { eachKey } from '../check/keywindows.js';
import type { Database } from '../database/database.js';
import type { Survey } from '../database/survey.js';

/** Keys that are read in one pass: 32 bytes each besides their own. */
const HELD = 1 << 18;

/**
 * Reads the keys of all records that an examination proved, of many buckets together in order of their places.
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
  const columns = new ElementColumns(Math.min(HELD, records));
  const reader = new SiteReader(db);
  const { flags, kept, elements } = marks;
  const readHeld = async () => {
    const order = columns.orderByOffset(0, db.source.size + 1);
    const take = (n: number, bytes: Uint8Array, at: number) => {
      visit(bytes.subarray(at, at + columns.keySizes[n]));
      return true;
    };
    await eachKey(db.source, columns, order, take, () => Promise.resolve(true));
    columns.length = 0;
  };
  for (const [s, site] of sites.entries()) {
    if (kept[s] === 0) continue;
    const words = await reader.read(site);
    for (let i = 0, at = s * elements; i < elements; i++, at++) {
      if ((flags[at] & KEPT) === 0 || words.keySize(i) > maxKey) continue;
      if (columns.length === columns.capacity) await readHeld();
      columns.push(words, i, words.pointer(i));
    }
  }
  await readHeld();
}
