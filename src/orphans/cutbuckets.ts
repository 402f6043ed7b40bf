import type { Database } from '../database/database.js';
import { BucketView, elementStruct } from '../format/bucket.js';
import { slotOf } from '../format/directory.js';
import { shifted } from '../source/shifted.js';
import type { Between } from './faultplace.js';
import { elementsStart } from './prove.js';

/** Buckets that are looked at, at most: of many one alone can be cut. */
const MAX_BUCKETS = 16;

/** Buckets that lie where a fault may be, by the directory's entries, and which hashes they are for. */
export class CutBuckets {
  readonly #db: Database;
  readonly #bits: number;
  /** By the offset at which each belongs its first slot and the one behind its last. */
  readonly #slots: ReadonlyMap<number, readonly [number, number]>;

  /**
   * @param entries the directory as it was
   * @param between where the fault is
   */
  constructor(db: Database, entries: Float64Array, { first, last }: Between, missing: number) {
    const { bucketSize, blockSize } = db.geometry;
    const slots = new Map<number, readonly [number, number]>();
    for (const [slot, offset] of entries.entries()) {
      const isNear =
        offset < last + Math.max(0, missing) && offset + bucketSize > first && offset >= blockSize;
      if (!isNear || offset + bucketSize > db.source.size + missing) continue;
      const known = slots.get(offset);
      if (known !== undefined) slots.set(offset, [known[0], slot + 1]);
      else if (slots.size < MAX_BUCKETS) slots.set(offset, [slot, slot + 1]);
    }
    this.#db = db;
    this.#bits = Math.log2(Math.max(1, entries.length));
    this.#slots = slots;
  }

  /** Where elements of those buckets begin, in a range; in order. */
  elementsBetween(from: number, to: number): number[] {
    const { format, geometry } = this.#db;
    const { size } = elementStruct(format.layout);
    const found: number[] = [];
    for (const offset of this.#slots.keys()) {
      for (let i = 0; i <= geometry.bucketElements; i++) {
        const at = offset + elementsStart(format) + i * size;
        if (at > from && at < to) found.push(at);
      }
    }
    return found.sort((a, b) => a - b);
  }

  /** Those of the places with which most elements of the buckets have hashes of theirs; of places in order. */
  async mostInPlace(places: readonly number[], missing: number): Promise<readonly number[]> {
    if (this.#slots.size === 0) return places;
    let most = -1;
    let best: number[] = [];
    for (const place of places) {
      const inPlace = await this.#inPlace(place, missing);
      if (inPlace > most) [most, best] = [inPlace, []];
      if (inPlace === most) best.push(place);
    }
    return best;
  }

  /** How many elements have hashes of their bucket if the fault is at this place. */
  async #inPlace(place: number, missing: number): Promise<number> {
    const { source, format, geometry } = this.#db;
    if (place > source.size) return 0;
    const whole = shifted(source, missing, place);
    let inPlace = 0;
    for (const [offset, [first, end]] of this.#slots) {
      const bytes = await whole.read(offset, geometry.bucketSize);
      const bucket = new BucketView(bytes, format, geometry.bucketElements);
      for (let i = 0; i < bucket.elements; i++) {
        const hash = bucket.hash(i);
        if (hash < 0 || bucket.keySize(i) < 0 || bucket.dataPointer(i) <= 0) continue;
        const slot = slotOf(hash, this.#bits);
        if (slot >= first && slot < end) inPlace++;
      }
    }
    return inPlace;
  }
}
