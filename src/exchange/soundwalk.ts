import { bySlots, directoryRuns } from '../check/bucketreader.js';
import type { Database } from '../database/database.js';
import type { PlaceList, WalkedBatch } from './batch.js';
import type { BatchOptions } from './batchreader.js';
import { BatchReader } from './batchreader.js';

/** Bytes that records may still claim. */
export interface Claimable {
  bytes: number;
}

/** Batches that are made anew to give the buckets before one that is not sound. */
const ATTEMPTS = 4;

/** A walk through buckets that are believed to be sound, up to the first one that is not. */
export class SoundWalk {
  /** Buckets whose records were given. */
  done = 0;
  /** Records that were left out of them. */
  leftOut = 0;

  constructor(
    readonly db: Database,
    readonly claimable: Claimable,
    readonly options: BatchOptions,
  ) {}

  async *through(places: PlaceList): AsyncGenerator<WalkedBatch> {
    const reader = new BatchReader(this.db, this.options);
    let last = places.length;
    for (let attempts = 0; this.done < last && attempts < ATTEMPTS;) {
      let end = this.done;
      let sound = true;
      for (; sound && end < last && !reader.isFull; end++) sound = await reader.take(places.at(end)!);
      const { pending, leftOut } = reader;
      if (pending > this.claimable.bytes) break;
      const batch = sound ? await reader.read() : undefined;
      if (batch === undefined) {
        // The buckets before it are given first.
        last = this.done + reader.failed;
        reader.clear();
        attempts++;
        continue;
      }
      this.claimable.bytes -= pending;
      this.done = end;
      this.leftOut += leftOut;
      yield batch;
    }
    reader.clear();
  }
}

/**
 * The buckets of a directory in the order of their slots; none where an entry cannot be right. There may be 100,000, and no
 * object is held of any.
 */
export function placesOf(db: Database): PlaceList {
  const runs = directoryRuns(db);
  if (runs === undefined) return [];
  const { length, offsets, firstSlots, bits } = bySlots(runs);
  return { length, at: (i) => ({ offset: offsets[i], firstSlot: firstSlots[i], bits: bits[i] }) };
}
