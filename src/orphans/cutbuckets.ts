import type { Database } from '../database/database.js';
import { BucketView, elementStruct, elementsStart } from '../format/bucket.js';
import { FREE_HASH } from '../format/hash.js';
import { slotOf } from '../format/directory.js';
import { shifted } from '../source/views.js';
import type { Between } from './faultplace.js';
import { AskedKeys } from './askedkeys.js';
import { eachPlace } from './inplace.js';

/** Maximum number of buckets that are looked at: only one of them can be cut by the fault. */
const MAX_BUCKETS = 256;

/** Places of a fault with equal scores. */
export interface InPlace {
  readonly places: readonly number[];
  /** Score of the elements that are in place, up to {@link MOST_IN_PLACE} for each. */
  readonly inPlace: number;
}

/** Score of an element in place, and the bonus of one at its home position: integers, whose sums are exact. */
const IN_PLACE = 128;
const AT_HOME = 64;
/** Maximum score of an element. */
export const MOST_IN_PLACE = IN_PLACE + AT_HOME;

/** Maximum number of element reads for one search: a bucket of 1 MiB has tens of thousands of elements and places. */
const MAX_LOOKS = 1 << 21;
/**
 * Share of all hashes from which on a bucket's elements must have their key in the file. In so large a range, bytes
 * read across two elements often seem to belong to the bucket.
 */
const LARGE_SHARE = 1 / 8;
/** Distance from home, in elements, up to which an element is hardly there by chance. */
const NEAR_HOME = 8;

/** Buckets that the directory's entries place where a fault may be, with the hashes that each is for. */
export class CutBuckets {
  /** Bytes of an element. */
  readonly elementSize: number;
  readonly #db: Database;
  readonly #missing: number;
  readonly #bits: number;
  readonly #keys: AskedKeys;
  /** First slot of each bucket and the one after its last, by the offset at which the bucket belongs. */
  readonly #slots: ReadonlyMap<number, readonly [number, number]>;
  /** Cached scores of buckets that lie wholly before the fault, and of those wholly after it. */
  readonly #before = new Map<number, number>();
  readonly #behind = new Map<number, number>();

  /**
   * @param entries the directory as it was before the fault
   * @param between range in which the fault lies
   * @param missing number of missing bytes; negative if bytes were inserted
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
    this.elementSize = elementStruct(db.format.layout).size;
    this.#db = db;
    this.#missing = missing;
    this.#bits = Math.log2(Math.max(1, entries.length));
    this.#slots = slots;
    this.#keys = new AskedKeys(db.source);
  }

  /** Start offsets of those buckets' elements within a range, in order. */
  elementsBetween(from: number, to: number): number[] {
    const { format, geometry } = this.#db;
    const found: number[] = [];
    for (const offset of this.#slots.keys()) {
      for (let i = 0; i <= geometry.bucketElements; i++) {
        const at = offset + elementsStart(format) + i * this.elementSize;
        if (at > from && at < to) found.push(at);
      }
    }
    return found.sort((a, b) => a - b);
  }

  /**
   * Finds the places with the highest score, and that score. With very many places, it samples them first and then
   * searches around the best samples: each element by which a place is farther from the right one lowers the score.
   *
   * @param places in order, at least one
   */
  async mostInPlace(places: readonly number[]): Promise<InPlace> {
    const { bucketElements } = this.#db.geometry;
    // Each place needs the elements of the bucket that it cuts and of the one after it; other buckets are read once.
    const looks = 2 * bucketElements + this.#slots.size;
    const step = Math.ceil((places.length * looks) / MAX_LOOKS);
    if (step <= 1) return this.#best(places);
    const { places: some } = await this.#best(places.filter((_, n) => n % step === 0));
    const [first, last] = [places.indexOf(some[0]), places.indexOf(some[some.length - 1])];
    const around = places.filter((_, n) => Math.abs(n - first) < step || Math.abs(n - last) < step);
    return around.length < places.length ? this.mostInPlace(around) : this.#best(around);
  }

  /**
   * Counts the elements that would come into place near their homes if the bytes were missing at this place, at
   * positions where no element is in place now. This is a quick test that tells whether a search for the place is
   * worthwhile.
   */
  async broughtInto(place: number): Promise<number> {
    let brought = 0;
    for (const offset of this.#slots.keys()) {
      const isThere = new Uint8Array(this.#db.geometry.bucketElements);
      await this.#each(offset, this.#db.source.size, (i, behind) => {
        isThere[i] = behind < 0 ? 0 : 1;
      });
      await this.#each(offset, place, (i, behind) => {
        if (behind >= 0 && behind <= NEAR_HOME && isThere[i] === 0) brought++;
      });
    }
    return brought;
  }

  async #best(places: readonly number[]): Promise<InPlace> {
    if (this.#slots.size === 0) return { places, inPlace: 0 };
    let most = Number.NEGATIVE_INFINITY;
    let best: number[] = [];
    for (const place of places) {
      const inPlace = await this.#inPlace(place);
      if (inPlace > most) [most, best] = [inPlace, []];
      if (inPlace === most) best.push(place);
    }
    return { places: best, inPlace: most };
  }

  async #inPlace(place: number): Promise<number> {
    const { source, geometry } = this.#db;
    if (place > source.size) return 0;
    const missing = this.#missing;
    let inPlace = 0;
    for (const offset of this.#slots.keys()) {
      const isBefore = offset + geometry.bucketSize <= place;
      const isBehind = offset >= place + Math.max(0, missing);
      const known = isBefore ? this.#before : isBehind ? this.#behind : undefined;
      const found = known?.get(offset) ?? (await this.#inPlaceOf(offset, place));
      known?.set(offset, found);
      inPlace += found;
    }
    return inPlace;
  }

  /**
   * Scores the elements of a bucket for a fault at this place. An element counts if its hash is of the bucket and a
   * lookup reaches it, and counts more the nearer it is to its home. In a bucket shifted by whole elements, all
   * hashes belong to the bucket, but the elements are far from home. A second element of the same record lowers the
   * score. Elements that the fault itself cuts do not count.
   */
  async #inPlaceOf(offset: number, place: number): Promise<number> {
    const cuts = [place, place + Math.max(0, this.#missing)];
    const first = offset + elementsStart(this.#db.format);
    let inPlace = 0;
    await this.#each(offset, place, (i, behind) => {
      const at = first + i * this.elementSize;
      if (cuts.some((cut) => at < cut && cut < at + this.elementSize)) return;
      inPlace += behind < 0 ? -IN_PLACE : IN_PLACE + Math.floor(AT_HOME / (1 + behind));
    });
    return inPlace;
  }

  /**
   * Visits the elements in use of a bucket as it would be with a fault at this place; see {@link eachPlace}. If
   * nearly any hash belongs to the bucket, an element without its key counts as out of place.
   */
  async #each(offset: number, place: number, visit: (i: number, behind: number) => void): Promise<void> {
    const { source, format, geometry } = this.#db;
    const whole = shifted(source, this.#missing, place);
    const [first, end] = this.#slots.get(offset)!;
    const bucket = new BucketView(
      await whole.read(offset, geometry.bucketSize),
      format,
      geometry.bucketElements,
    );
    const isOwn = (i: number, hash: number) => {
      if (hash < 0 || !canBeRecord(bucket, i, whole.size)) return false;
      const slot = slotOf(hash, this.#bits);
      return slot >= first && slot < end;
    };
    if (end - first < 2 ** this.#bits * LARGE_SHARE) {
      eachPlace(bucket, isOwn, visit);
      return;
    }
    const own = new Uint8Array(bucket.elements);
    const base = offset + elementsStart(format);
    const gone = place + Math.max(0, this.#missing);
    for (let i = 0; i < bucket.elements; i++) {
      const hash = bucket.hash(i);
      const at = base + i * this.elementSize;
      // Missing bytes read as zeroes.
      if (hash === FREE_HASH || (at < gone && at + this.elementSize > place)) continue;
      if (isOwn(i, hash) && (await this.#hasKey(bucket, i, place))) own[i] = 1;
      else visit(i, -1);
    }
    eachPlace(bucket, (i) => own[i] === 1, visit);
  }

  /**
   * Returns true if the key of an element is in the file, for a fault at `place`; false for a key that the fault
   * cuts.
   */
  async #hasKey(bucket: BucketView, i: number, place: number): Promise<boolean> {
    const [at, size] = [bucket.dataPointer(i), bucket.keySize(i)];
    if (at + size <= place) return this.#keys.isThere(at, size, bucket.hash(i));
    const isBehind = at >= place + Math.max(0, this.#missing);
    return isBehind && this.#keys.isThere(at - this.#missing, size, bucket.hash(i));
  }
}

/**
 * Returns true if an element's record lies inside the file; bytes read across two elements mostly point outside of
 * it.
 */
function canBeRecord(bucket: BucketView, i: number, fileSize: number): boolean {
  const [at, keySize, dataSize] = [bucket.dataPointer(i), bucket.keySize(i), bucket.dataSize(i)];
  return at > 0 && keySize >= 0 && dataSize >= 0 && at + keySize + dataSize <= fileSize;
}
