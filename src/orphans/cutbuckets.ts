import type { Database } from '../database/database.js';
import { BucketView, elementStruct, elementsStart } from '../format/bucket.js';
import { FREE_HASH } from '../format/hash.js';
import { slotOf } from '../format/directory.js';
import { shifted } from '../source/views.js';
import type { Between } from './faultplace.js';
import { AskedKeys } from './askedkeys.js';
import { eachPlace } from './inplace.js';

/** Buckets that are looked at, at most: of many one alone can be cut. */
const MAX_BUCKETS = 256;

/** Places of a fault that are as good as each other. */
export interface InPlace {
  readonly places: readonly number[];
  /** How well elements are in place, up to {@link MOST_IN_PLACE} for each. */
  readonly inPlace: number;
}

/** What an element counts that is in place, and how much more at its home: whole numbers, whose sums are exact. */
const IN_PLACE = 128;
const AT_HOME = 64;
/** What an element counts at most. */
export const MOST_IN_PLACE = IN_PLACE + AT_HOME;

/** Looks at elements for which each place is asked: a bucket of a megabyte has tens of thousands of both. */
const MAX_LOOKS = 1 << 21;
/**
 * Of so large a share of all hashes is a bucket to which what is read from within two elements seems to belong: the key must be
 * there, too.
 */
const LARGE_SHARE = 1 / 8;
/** So near to its home an element is hardly by chance. */
const NEAR_HOME = 8;

/** Buckets that lie where a fault may be, by the directory's entries, and which hashes they are for. */
export class CutBuckets {
  /** Bytes. */
  readonly elementSize: number;
  readonly #db: Database;
  readonly #missing: number;
  readonly #bits: number;
  readonly #keys: AskedKeys;
  /** By the offset at which each belongs its first slot and the one behind its last. */
  readonly #slots: ReadonlyMap<number, readonly [number, number]>;
  /** How well elements are in place in buckets that are wholly before the fault, and behind it. */
  readonly #before = new Map<number, number>();
  readonly #behind = new Map<number, number>();

  /**
   * @param entries the directory as it was
   * @param between where the fault is
   * @param missing bytes; negative where so many were put in
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

  /** Where elements of those buckets begin, in a range; in order. */
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
   * The places with which the elements of the buckets are best in place, and how well they are; of places in order, of which
   * there is one at least. Of very many some are asked, and then those around the best ones: each element by which a place is
   * farther from the right one makes it worse.
   */
  async mostInPlace(places: readonly number[]): Promise<InPlace> {
    const { bucketElements } = this.#db.geometry;
    // For each place the elements of the bucket that it cuts, and of the one behind it; the others are looked at once.
    const looks = 2 * bucketElements + this.#slots.size;
    const step = Math.ceil((places.length * looks) / MAX_LOOKS);
    if (step <= 1) return this.#best(places);
    const { places: some } = await this.#best(places.filter((_, n) => n % step === 0));
    const [first, last] = [places.indexOf(some[0]), places.indexOf(some[some.length - 1])];
    const around = places.filter((_, n) => Math.abs(n - first) < step || Math.abs(n - last) < step);
    return around.length < places.length ? this.mostInPlace(around) : this.#best(around);
  }

  /**
   * How many elements would come into place, near to their homes, where none is as it is now, if all bytes from a place on
   * were missing so many before them. Quick: to tell whether it is worth to ask for the place.
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
   * How well the elements of a bucket are in place if the fault is here: each counts whose hash is of its bucket and to which
   * a lookup comes, and the more the nearer it is to its home. Of a bucket whose elements are shifted by whole ones all have
   * hashes of theirs, but are far from home; and of no record there are two elements. What the fault cuts itself does not
   * count.
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
   * Visits the elements of a bucket, as it was if the fault is here, that have hashes of its own; see {@link eachPlace}. Where
   * nearly any hash is, what has no key is none.
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
      // What is missing reads as zeroes.
      if (hash === FREE_HASH || (at < gone && at + this.elementSize > place)) continue;
      if (isOwn(i, hash) && (await this.#hasKey(bucket, i, place))) own[i] = 1;
      else visit(i, -1);
    }
    eachPlace(bucket, (i) => own[i] === 1, visit);
  }

  /** Whether the key of an element is there if the fault is here; one that it cuts is not. */
  async #hasKey(bucket: BucketView, i: number, place: number): Promise<boolean> {
    const [at, size] = [bucket.dataPointer(i), bucket.keySize(i)];
    if (at + size <= place) return this.#keys.isThere(at, size, bucket.hash(i));
    const isBehind = at >= place + Math.max(0, this.#missing);
    return isBehind && this.#keys.isThere(at - this.#missing, size, bucket.hash(i));
  }
}

/** Read from within another one, an element mostly leads out of the file. */
function canBeRecord(bucket: BucketView, i: number, fileSize: number): boolean {
  const [at, keySize, dataSize] = [bucket.dataPointer(i), bucket.keySize(i), bucket.dataSize(i)];
  return at > 0 && keySize >= 0 && dataSize >= 0 && at + keySize + dataSize <= fileSize;
}
