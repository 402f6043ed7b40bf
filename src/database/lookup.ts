import { BucketView } from '../format/bucket.js';
import { slotOf } from '../format/directory.js';
import { FREE_HASH, hashKey } from '../format/hash.js';
import { cutElements } from './cutelements.js';
import type { Database } from './database.js';
import { equalAt } from './equalat.js';

/** Where a lookup found a key's record. */
export interface FoundRecord {
  /** File offset of the value. */
  readonly valueOffset: number;
  /** Bytes of the value. */
  readonly valueSize: number;
}

/** What a lookup of a key says that there are too many like. */
type Many<Most> = Most extends number ? 'many' : never;

/** Buckets kept; lookups in order of hashes need one. */
const KEPT_BUCKETS = 16;

/** Finds keys as libgdbm does: slot, bucket, probe run. Reads no more than that. */
export class Lookup<Most extends number | undefined = undefined> {
  readonly #db: Database;
  readonly #most: Most | undefined;
  readonly #buckets = new Map<number, BucketView>();
  /** For keys that are held against the one that is looked for. */
  readonly #room = new Uint8Array(4096);

  /** @param most more keys of one size and hash are not compared, if that is wanted */
  constructor(db: Database, most?: Most) {
    this.#db = db;
    this.#most = most;
  }

  /** Finds a key's record, by whichever flavour of hash it was stored. */
  async find(key: Uint8Array): Promise<FoundRecord | Many<Most> | undefined> {
    const hashes = new Set([hashKey(key, 'signed'), hashKey(key, 'unsigned')]);
    for (const hash of hashes) {
      const found = await this.#findHash(key, hash);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async #findHash(key: Uint8Array, hash: number): Promise<FoundRecord | Many<Most> | undefined> {
    const { directory, source } = this.#db;
    const place = directory[slotOf(hash, Math.log2(directory.length))];
    const bucket = await this.#bucket(place);
    if (bucket === undefined) return undefined;
    const cut = cutElements(this.#db, place);
    const home = hash % bucket.elements;
    let alike = 0;
    for (let n = 0; n < bucket.elements; n++) {
      const i = (home + n) % bucket.elements;
      // It may have the beginning of one element and the end of another one.
      if (cut?.has(i) === true) continue;
      const found = bucket.hash(i);
      if (found === FREE_HASH) return undefined;
      if (found !== hash || bucket.keySize(i) !== key.length) continue;
      if (this.#most !== undefined && ++alike > this.#most) return 'many' as Many<Most>;
      const offset = bucket.dataPointer(i);
      const valueSize = bucket.dataSize(i);
      if (!(offset >= 0 && valueSize >= 0 && offset + key.length + valueSize <= source.size)) continue;
      if (!(await equalAt(source, offset, key, this.#room))) continue;
      return { valueOffset: offset + key.length, valueSize };
    }
    return undefined;
  }

  async #bucket(offset: number): Promise<BucketView | undefined> {
    const { source, format, geometry } = this.#db;
    let bucket = this.#buckets.get(offset);
    if (bucket !== undefined) return bucket;
    if (!(offset >= geometry.blockSize && offset + geometry.bucketSize <= source.size)) return undefined;
    bucket = new BucketView(await source.read(offset, geometry.bucketSize), format, geometry.bucketElements);
    const oldest = this.#buckets.keys().next();
    if (this.#buckets.size >= KEPT_BUCKETS && !oldest.done) this.#buckets.delete(oldest.value);
    this.#buckets.set(offset, bucket);
    return bucket;
  }
}
