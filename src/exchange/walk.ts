import { examineBuckets } from '../check/judge.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/survey.js';
import { readSite } from '../database/survey.js';
import { slotOf } from '../format/directory.js';
import { FREE_HASH, hashKey } from '../format/hash.js';
import { openDatabase } from '../database/database.js';
import type { Searched } from '../examine.js';
import { openSearched, search } from '../examine.js';
import { equalBytes } from '../format/bytes.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import { readSalvaged } from '../salvage/read.js';
import type { SalvagedBatch } from '../salvage/salvage.js';
import { provenanceOf } from '../salvage/salvage.js';
import type { Source } from '../source/source.js';

/** Records as they stand in a database, many in one piece of memory. */
export interface WalkedBatch {
  readonly count: number;
  /** The keys and values of the small ones. */
  readonly bytes: Uint8Array;
  /** Where in `bytes` each begins; −1 where it is too large to be held, and is at `offsets` in the source. */
  readonly starts: Float64Array;
  readonly offsets: Float64Array;
  readonly keySizes: Int32Array;
  readonly dataSizes: Int32Array;
}

/** What a walk could not give. */
export interface WalkLoss {
  /** Elements in use whose record could not be proved, or is claimed by more than the file can hold. */
  records: number;
  /** Whether some buckets are gone. */
  incomplete: boolean;
}

/** Records up to so many bytes are read together. */
const SMALL = 256 * 1024;
const BATCH_BYTES = 24 << 20;
const BATCH_RECORDS = 1 << 18;
/** What is read at once. */
const WINDOW_BITS = 20;

/**
 * Every record in the order in which libgdbm walks: buckets by their slots, elements as they stand in them.
 *
 * Sound buckets are taken as they are, with each key held against its hash; at the first thing that is not as it
 * should be, the examination that a check makes takes over, and judges all that is left.
 *
 * @param loss is told of what cannot be given
 */
export async function* walkRecords(
  { db, survey }: Searched,
  loss: WalkLoss = { records: 0, incomplete: false },
): AsyncGenerator<WalkedBatch> {
  const { sites } = survey;
  loss.incomplete = survey.claims.open().next().done !== true;
  let claimable = db.source.size;
  let next = 0;
  while (next < sites.length) {
    const pending = new Pending(db.source);
    let end = next;
    let sound = true;
    for (; sound && end < sites.length && !pending.isFull; end++) sound = await pending.take(db, sites[end]);
    claimable -= pending.bytes;
    const batch = sound && claimable >= 0 ? await pending.read() : undefined;
    if (batch === undefined) {
      claimable += pending.bytes;
      break;
    }
    yield batch;
    next = end;
  }
  if (next === sites.length) return;
  // Only now is it worth while to look for blocks that changed places.
  const again = db.missing === 0 && !db.headerLost ? await openSearched(db.source) : undefined;
  if (again === undefined || again.db.rearrangement === undefined || db.rearrangement !== undefined) {
    yield* walkDamaged(db, survey, sites.slice(next), claimable, loss);
    return;
  }
  const done = sites[next].firstSlot;
  const rest = again.survey.sites.filter(({ origin, firstSlot }) => origin === 'scan' || firstSlot >= done);
  loss.incomplete = again.survey.claims.open().next().done !== true;
  yield* walkDamaged(again.db, again.survey, rest, claimable, loss);
}

/**
 * Opens a database for a walk, which looks for more where it finds anything wrong: a sound one is read once.
 *
 * @returns undefined if nothing in the file speaks for the format
 */
export async function openForWalk(source: Source): Promise<Searched | undefined> {
  const db = await openDatabase(source);
  const found = db === undefined ? undefined : await search(db);
  const sound = found?.survey.sites.some(({ state }) => state === 'sound') === true;
  return sound ? found : openSearched(source);
}

/** Records of sound buckets whose bytes are still to be read. */
class Pending {
  bytes = 0;
  #count = 0;
  /** Pairs of records with one hash, whose keys may be the same. */
  readonly #twins: [number, number][] = [];
  #hashes = new Int32Array(1024);
  #offsets = new Float64Array(1024);
  #keySizes = new Int32Array(1024);
  #dataSizes = new Int32Array(1024);

  constructor(readonly source: Source) {}

  get isFull(): boolean {
    return this.bytes >= BATCH_BYTES || this.#count >= BATCH_RECORDS;
  }

  /** Takes the elements of a bucket; false where something about them is not as it should be. */
  async take(db: Database, site: BucketSite): Promise<boolean> {
    const own = site.firstSlot === site.ownFirst && site.slots === site.ownSlots;
    if (site.state !== 'sound' || site.origin !== 'directory' || !own) return false;
    const bucket = await readSite(db, site);
    const directoryBits = Math.log2(db.directory.length);
    const first = this.#count;
    while (this.#count + bucket.elements > this.#hashes.length) this.#grow();
    for (let i = 0; i < bucket.elements; i++) {
      const hash = bucket.hash(i);
      if (hash === FREE_HASH) continue;
      const offset = bucket.dataPointer(i);
      const keySize = bucket.keySize(i);
      const dataSize = bucket.dataSize(i);
      const size = keySize + dataSize;
      if (hash < 0 || !(offset >= 0 && keySize >= 0 && dataSize >= 0 && offset + size <= this.source.size))
        return false;
      const slot = slotOf(hash, directoryBits);
      if (slot < site.ownFirst || slot >= site.ownFirst + site.ownSlots) return false;
      for (let m = first; m < this.#count; m++) {
        if (this.#hashes[m] === hash) this.#twins.push([m, this.#count]);
      }
      const n = this.#count++;
      this.#hashes[n] = hash;
      this.#offsets[n] = offset;
      this.#keySizes[n] = keySize;
      this.#dataSizes[n] = dataSize;
      this.bytes += size;
    }
    return true;
  }

  /** Reads them in order of their offsets, each window of the file once; undefined where a key is not its hash's. */
  async read(): Promise<WalkedBatch | undefined> {
    const { source } = this;
    const count = this.#count;
    const offsets = this.#offsets;
    const starts = new Float64Array(count);
    const windows = Math.ceil(source.size / 2 ** WINDOW_BITS) + 1;
    const firstOf = new Uint32Array(windows + 1);
    let room = 0;
    for (let i = 0; i < count; i++) {
      const size = this.#keySizes[i] + this.#dataSizes[i];
      starts[i] = size <= SMALL ? room : -1;
      if (size <= SMALL) room += size;
      firstOf[Math.floor(offsets[i] / 2 ** WINDOW_BITS) + 1]++;
    }
    for (let w = 0; w < windows; w++) firstOf[w + 1] += firstOf[w];
    const order = new Uint32Array(count);
    const place = firstOf.slice();
    for (let i = 0; i < count; i++) order[place[Math.floor(offsets[i] / 2 ** WINDOW_BITS)]++] = i;
    const bytes = new Uint8Array(room);
    for (let w = 0; w < windows; w++) {
      let low = Infinity;
      let high = 0;
      for (let n = firstOf[w]; n < firstOf[w + 1]; n++) {
        const i = order[n];
        if (starts[i] < 0) continue;
        low = Math.min(low, offsets[i]);
        high = Math.max(high, offsets[i] + this.#keySizes[i] + this.#dataSizes[i]);
      }
      if (low > high) continue;
      const window = await source.read(low, high - low);
      for (let n = firstOf[w]; n < firstOf[w + 1]; n++) {
        const i = order[n];
        if (starts[i] < 0) continue;
        const from = offsets[i] - low;
        const key = window.subarray(from, from + this.#keySizes[i]);
        if (!this.#fits(key, this.#hashes[i])) return undefined;
        bytes.set(window.subarray(from, from + this.#keySizes[i] + this.#dataSizes[i]), starts[i]);
      }
    }
    for (let i = 0; i < count; i++) {
      if (starts[i] >= 0) continue;
      // Such a key is read whole only by the examination.
      if (this.#keySizes[i] > SMALL) return undefined;
      if (!this.#fits(await source.read(offsets[i], this.#keySizes[i]), this.#hashes[i])) return undefined;
    }
    for (const [a, b] of this.#twins) {
      const keyOf = (n: number) => bytes.subarray(starts[n], starts[n] + this.#keySizes[n]);
      if (starts[a] < 0 || starts[b] < 0 || equalBytes(keyOf(a), keyOf(b))) return undefined;
    }
    return { count, bytes, starts, offsets, keySizes: this.#keySizes, dataSizes: this.#dataSizes };
  }

  #fits(key: Uint8Array, hash: number): boolean {
    return hashKey(key, 'signed') === hash || hashKey(key, 'unsigned') === hash;
  }

  #grow(): void {
    const capacity = this.#hashes.length * 2;
    const grown = <T extends Int32Array | Float64Array>(bigger: T, old: T): T => {
      bigger.set(old);
      return bigger;
    };
    this.#hashes = grown(new Int32Array(capacity), this.#hashes);
    this.#offsets = grown(new Float64Array(capacity), this.#offsets);
    this.#keySizes = grown(new Int32Array(capacity), this.#keySizes);
    this.#dataSizes = grown(new Int32Array(capacity), this.#dataSizes);
  }
}

async function* walkDamaged(
  db: Database,
  survey: SearchedSurvey,
  sites: readonly BucketSite[],
  claimable: number,
  loss: WalkLoss,
): AsyncGenerator<WalkedBatch> {
  let left = claimable;
  async function* examined(): AsyncGenerator<SalvagedBatch> {
    for await (const { site, records, rejected } of examineBuckets(db, survey, sites)) {
      for (const { reason } of rejected)
        if (reason !== 'superseded' && reason !== 'duplicate') loss.records++;
      const provenance = provenanceOf(site);
      // Records that lie on each other could fill a disk.
      const possible = records.filter(
        ({ keySize, dataSize }) => keySize + dataSize <= left && ((left -= keySize + dataSize), true),
      );
      loss.records += records.length - possible.length;
      yield possible.map((record) => ({ ...record, provenance }));
    }
  }
  for await (const { record, bytes } of readSalvaged(db.source, examined(), 'whole')) {
    yield {
      count: 1,
      bytes: bytes ?? new Uint8Array(0),
      starts: Float64Array.of(bytes === undefined ? -1 : 0),
      offsets: Float64Array.of(record.offset),
      keySizes: Int32Array.of(record.keySize),
      dataSizes: Int32Array.of(record.dataSize),
    };
  }
}
