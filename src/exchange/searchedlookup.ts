import { examineBuckets } from '../check/judge.js';
import { NumberList } from '../columns/numberlist.js';
import { OffsetList } from '../columns/offsetlist.js';
import { equalAt } from '../database/equalat.js';
import type { FoundRecord } from '../database/lookup.js';
import { isPlaced, readSite, rulerOf } from '../database/survey.js';
import type { Searched } from '../examine.js';
import type { BucketView } from '../format/bucket.js';
import { hashKey } from '../format/hash.js';
import type { Source } from '../source/source.js';
import { firstAfter } from '../source/ranges.js';

/** Buckets kept; lookups in order of hashes need one. */
const KEPT_BUCKETS = 16;

/**
 * Finds keys in what a search found of a database, the same records that a salvage gives: in the bucket that rules over
 * their hash, wherever in it, and among those that are in no such bucket. Memory: 20 bytes for each of these.
 */
export class SearchedLookup {
  readonly #searched: Searched;
  readonly #source: Source;
  readonly #buckets = new Map<number, BucketView>();
  readonly #room = new Uint8Array(4096);
  #loose: Promise<LooseRecords> | undefined;

  /** @param source what to read the database from */
  constructor(searched: Searched, source = searched.db.source) {
    this.#searched = searched;
    this.#source = source;
  }

  /** Finds a key's record, by whichever flavour of hash it was stored. */
  async find(key: Uint8Array): Promise<FoundRecord | undefined> {
    const hashes = new Set([hashKey(key, 'signed'), hashKey(key, 'unsigned')]);
    for (const hash of hashes) {
      const found = await this.#findRuled(key, hash);
      if (found !== undefined) return found;
    }
    this.#loose ??= looseRecords(this.#searched);
    const loose = await this.#loose;
    for (const hash of hashes) {
      for (const { offset, keySize, dataSize } of loose.withHash(hash)) {
        const isIt = keySize === key.length && (await equalAt(this.#source, offset, key, this.#room));
        if (isIt) return { valueOffset: offset + keySize, valueSize: dataSize };
      }
    }
    return undefined;
  }

  async #findRuled(key: Uint8Array, hash: number): Promise<FoundRecord | undefined> {
    const { survey } = this.#searched;
    const ruler = rulerOf(survey, hash);
    if (ruler === undefined || survey.sites[ruler].state !== 'sound') return undefined;
    const bucket = await this.#bucket(ruler);
    for (let i = 0; i < bucket.elements; i++) {
      if (bucket.hash(i) !== hash || bucket.keySize(i) !== key.length) continue;
      const offset = bucket.dataPointer(i);
      const valueSize = bucket.dataSize(i);
      if (!(offset >= 0 && valueSize >= 0 && offset + key.length + valueSize <= this.#source.size)) continue;
      if (!(await equalAt(this.#source, offset, key, this.#room))) continue;
      return { valueOffset: offset + key.length, valueSize };
    }
    return undefined;
  }

  async #bucket(index: number): Promise<BucketView> {
    let bucket = this.#buckets.get(index);
    if (bucket !== undefined) return bucket;
    const { db, survey } = this.#searched;
    bucket = await readSite({ ...db, source: this.#source }, survey.sites[index]);
    const oldest = this.#buckets.keys().next();
    if (this.#buckets.size >= KEPT_BUCKETS && !oldest.done) this.#buckets.delete(oldest.value);
    this.#buckets.set(index, bucket);
    return bucket;
  }
}

/** Records in order of their hashes. */
class LooseRecords {
  readonly #hashes: Float64Array;
  readonly #order: Uint32Array;
  readonly #offsets: OffsetList;
  readonly #sizes: NumberList;

  /** @param sizes of each its key's and its value's */
  constructor(hashes: NumberList, offsets: OffsetList, sizes: NumberList) {
    this.#order = Uint32Array.from({ length: hashes.length }, (_, n) => n);
    this.#order.sort((a, b) => hashes.at(a) - hashes.at(b) || a - b);
    this.#hashes = Float64Array.from(this.#order, (n) => hashes.at(n));
    this.#offsets = offsets;
    this.#sizes = sizes;
  }

  *withHash(hash: number): Generator<{ offset: number; keySize: number; dataSize: number }> {
    for (
      let i = firstAfter(this.#hashes, hash - 1);
      i < this.#hashes.length && this.#hashes[i] === hash;
      i++
    ) {
      const n = this.#order[i];
      yield {
        offset: this.#offsets.at(n),
        keySize: this.#sizes.at(2 * n),
        dataSize: this.#sizes.at(2 * n + 1),
      };
    }
  }
}

/** The records in force that are not in a sound bucket which rules over their hash. */
async function looseRecords({ db, survey }: Searched): Promise<LooseRecords> {
  const [hashes, offsets, sizes] = [new NumberList(), new OffsetList(), new NumberList()];
  const apart = survey.sites.filter((site) => !isPlaced(site));
  for await (const { site, records } of examineBuckets(db, survey, apart)) {
    for (const { hash, offset, keySize, dataSize } of records) {
      const ruler = rulerOf(survey, hash);
      if (site.state === 'sound' && ruler !== undefined && survey.sites[ruler] === site) continue;
      hashes.push(hash);
      offsets.push(offset);
      sizes.push(keySize);
      sizes.push(dataSize);
    }
  }
  return new LooseRecords(hashes, offsets, sizes);
}
