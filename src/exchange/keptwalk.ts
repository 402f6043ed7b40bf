import type { DoubtfulRecords } from '../check/doubtful.js';
import { doubtfulIn } from '../check/doubtful.js';
import { PlaceSet } from '../salvage/placeset.js';
import type { WalkedBatch, WalkLoss } from './batch.js';
import type { BatchLimits } from './batchreader.js';
import { SearchedLookup } from './searchedlookup.js';
import type { Walkable } from './walk.js';
import { walkRecords } from './walk.js';

/** Keys that may be there twice are held against each other up to so many bytes. */
const MAX_KEY = 1 << 20;
/** Places of such records that are remembered. */
const REMEMBERED = 1 << 20;

/**
 * The records of a walk that may be written as stored ones, as a repair would keep them: without the doubtful ones, and of
 * those with one key, where their bucket is damaged, only one.
 *
 * @param loss is told of what cannot be given; a key that comes again is no loss
 * @param known the doubtful records, where a check told them
 */
export async function* keptRecords(
  walkable: Walkable,
  loss: WalkLoss = { records: 0, incomplete: false },
  limits?: BatchLimits,
  known?: DoubtfulRecords,
): AsyncGenerator<WalkedBatch> {
  const { db, found } = walkable;
  if (found === undefined) {
    yield* walkRecords(walkable, loss, limits);
    return;
  }
  const { survey } = found;
  const doubtful = known ?? (await doubtfulIn(db, survey));
  const lookup = new SearchedLookup(found);
  const given = new PlaceSet();
  for await (const batch of walkRecords(walkable, loss, limits, doubtful)) {
    const { buckets } = batch;
    // Those of whole buckets are told apart already.
    if (buckets !== undefined) {
      await keepOnly(batch, async (i, key) => {
        const [offset, keySize, dataSize] = [batch.offsets[i], batch.keySizes[i], batch.dataSizes[i]];
        const first = await lookup.find(key);
        // Those of the bucket that rules over their hash are there once, and others of their key are found not to be it.
        if (first !== undefined && first.site >= 0) {
          const isOwn = survey.sites[first.site].offset === buckets[i];
          return isOwn && first.valueOffset === offset + keySize;
        }
        if (first !== undefined && first.valueOffset !== offset + keySize) return false;
        if (given.size === REMEMBERED) return !given.has(offset, keySize, dataSize);
        return given.add(offset, keySize, dataSize);
      });
    }
    yield batch;
  }
}

/** Takes records out of a batch: the others close up, those whose bytes are held with their bytes. */
async function keepOnly(
  batch: WalkedBatch,
  isKept: (i: number, key: Uint8Array) => Promise<boolean>,
): Promise<void> {
  const { source, count, bytes, starts, offsets, keySizes, dataSizes, buckets } = batch;
  let kept = 0;
  let end = 0;
  for (let i = 0; i < count; i++) {
    const [start, offset, keySize, dataSize] = [starts[i], offsets[i], keySizes[i], dataSizes[i]];
    if (keySize <= MAX_KEY) {
      const key = start < 0 ? await source.read(offset, keySize) : bytes.subarray(start, start + keySize);
      if (!(await isKept(i, key))) continue;
    }
    starts[kept] = start;
    if (start >= 0) {
      if (start !== end) bytes.copyWithin(end, start, start + keySize + dataSize);
      starts[kept] = end;
      end += keySize + dataSize;
    }
    offsets[kept] = offset;
    keySizes[kept] = keySize;
    dataSizes[kept] = dataSize;
    if (buckets !== undefined) buckets[kept] = buckets[i];
    kept++;
  }
  Object.assign(batch, { count: kept });
}
