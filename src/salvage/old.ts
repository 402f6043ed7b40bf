import { SHAPES, GLANCE } from './shape.js';
import { examineBuckets } from '../check/bucket.js';
import { startOf } from '../check/element.js';
import type { RejectedElement } from '../check/marks.js';
import type { Database } from '../database/database.js';
import { rangeOf } from '../database/claims.js';
import { ownRange, rulerOf } from '../database/survey.js';
import { KEY_START } from '../format/bucket.js';
import { hashKey, isPortableKey } from '../format/hash.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import { RangeReader } from '../source/ranges.js';
import type { Source } from '../source/source.js';
import { readUpTo } from '../source/source.js';
import type { Report } from '../source/sweep.js';
import type { Apart } from './apart.js';
import { setApart } from './apart.js';
import { confidenceOf } from './confidence.js';
import type { FreedOptions } from './freed.js';
import { freedBudget, freedElements } from './freed.js';
import type { FreeRange } from './freeranges.js';
import { FreeRanges } from './freeranges.js';
import { InForce } from './inforce.js';
import type { InForcePart } from './inforcepart.js';
import { OldList } from './oldlist.js';
import type { ValueShape } from './oldrecord.js';
import type { Place } from './overwritten.js';
import { Overwriting } from './overwritten.js';
import { RecordModel, VALUE_BYTES } from './recordmodel.js';
import { ReplacedKeys } from './replaced.js';
import type { SalvagedRecord } from './salvage.js';
import { withProvenance } from './salvage.js';
import { weights } from '../weights.js';

/** Records that are remembered at most. */
const MAX_OLD = 1 << 19;
/** Bytes of values that are read for their shape, for each byte of the file. */
const READ_BUDGET = 2;
/** Bits that are left of a range where ranges may be joined: enough for low confidence. */
const JOINED_BITS = 1;
/** Bytes of a record that are learned, at most. */
const MOST_LEARNED = 2048;

export interface OldOptions {
  readonly held?: number | undefined;
  readonly most?: number | undefined;
  readonly report?: Report | undefined;
  /** End of the database, in a file with others behind it: old buckets there are not its own. */
  readonly end?: number | undefined;
}

/**
 * Finds every record that was once stored and is not in force.
 *
 * 1. Records of superseded buckets, and of elements in buckets where another bucket owns their hash.
 * 2. Records of free elements.
 * 3. Records that the lists of free space name: each range is one record, and the {@link RecordModel} of the records known by
 *    now says where its key ends.
 * 4. Of each the bytes that are written over by something else, and its confidence.
 *
 * Each place is given once, by what proves most. The file is looked at part by part. Memory: that of {@link InForce}'s parts,
 * 16 bytes for each free range, and an {@link OldList} of at most 2^19 records.
 *
 * @param options limits on the records in force (`held`) and old records (`most`) in memory, a `report` of each part,
 *   and the `end` of the database
 * @throws SourceError if the source cannot be read
 */
export async function findOld(
  db: Database,
  survey: SearchedSurvey,
  { held, most = MAX_OLD, report, end = db.source.size }: OldOptions = {},
): Promise<OldList> {
  report?.('looking for old records', 0, db.source.size);
  const inForce = await InForce.read(db, survey, held);
  const old = new OldList(most);
  const stale = survey.stale.filter(({ offset }) => offset < end);
  const sites = survey.sites.filter(({ offset }) => offset < end);
  const own = { ...survey, sites, stale };
  const collector = new Collector(db, own, old, await setApart(db, stale), inForce.misplaced);
  const parts = (step: string) => reported(inForce, (done) => report?.(step, done, db.source.size));
  // Proved records first: if there is no room for all, the others must not take theirs.
  if (survey.stale.length > 0 || inForce.misplaced.length > 0) {
    for await (const part of parts('looking at superseded buckets')) await collector.collectProved(part);
  }
  for await (const part of parts('looking at free elements')) await collector.collectFreed(part);
  const ranges = await FreeRanges.read(db, survey.sites);
  const model = await learnRecords(db.source, inForce, old);
  if (ranges.length > 0 && model.headSize > 0) {
    for await (const part of parts('reading the lists of free space')) {
      await collector.collectRanges(part, ranges, model);
    }
  }
  if (old.length === 0) return old;
  old.sort(db.source.size);
  for (let i = 0; i < ranges.length; i++) old.markFreed(ranges.offsetOf(i), ranges.lengthOf(i));
  await judge(db, survey, old, parts('looking at what is overwritten'));
  old.rank();
  return old;
}

/** Parts of a file; the offset of each is reported before it is yielded. */
async function* reported(
  inForce: InForce,
  progress: (doneBytes: number) => void,
): AsyncGenerator<InForcePart> {
  for await (const part of inForce.parts()) {
    progress(part.from);
    yield part;
  }
}

/** Collects old records in a list. */
class Collector {
  readonly #db: Database;
  readonly #survey: SearchedSurvey;
  readonly #old: OldList;
  readonly #stale: Apart;
  readonly #misplaced: readonly RejectedElement[];
  readonly #budget: { bytes: number };

  constructor(
    db: Database,
    survey: SearchedSurvey,
    old: OldList,
    stale: Apart,
    misplaced: readonly RejectedElement[],
  ) {
    this.#db = db;
    this.#survey = survey;
    this.#old = old;
    this.#stale = stale;
    this.#misplaced = misplaced;
    this.#budget = freedBudget(db);
  }

  /** Adds records that begin in a part of the file, from superseded buckets and from misplaced elements. */
  async collectProved(part: InForcePart): Promise<void> {
    const db = this.#db;
    const isWanted = ({ offset, keySize, dataSize }: Place) =>
      offset >= part.from && offset < part.to && !part.has(offset, keySize, dataSize);

    for (const one of this.#misplaced) if (isWanted(one)) await this.#addRejected(one, true);

    if (this.#survey.stale.length > 0) {
      for await (const { records, rejected } of examineBuckets(this.#stale.db, this.#stale.survey)) {
        for (const record of records) {
          if (!isWanted(record)) continue;
          const { offset, keySize, hash } = record;
          const keyStart = startOf(await db.source.read(offset, Math.min(KEY_START, keySize)));
          const found = withProvenance(record, this.#provenanceOf(hash));
          this.#old.add({ record: found, keyStart, proof: 'hash', homeBits: 0 });
        }
        for (const one of rejected) {
          if (one.reason === 'key' && isWanted(one)) await this.#addRejected(one, false);
        }
      }
    }
  }

  /** Adds records that begin in a part of the file, from free elements. */
  async collectFreed(part: InForcePart): Promise<void> {
    const { sites, stale } = this.#survey;
    // In a bucket whose head is lost, bytes may look like a free element by chance.
    const isTold: FreedOptions['isWanted'] = ({ keyFits, belongs }) => keyFits || belongs !== undefined;
    const options = { part, isWanted: isTold, budget: this.#budget };
    for await (const batch of freedElements(this.#db, [...sites, ...stale], options)) {
      for (const one of batch) {
        const { keyStart, keyFits, belongs, homeBits } = one;
        const proof = !keyFits ? 'none' : belongs === true ? 'bucket' : 'start';
        this.#old.add({ record: withProvenance(one, 'deleted'), keyStart, proof, homeBits });
      }
    }
  }

  /** Adds records that begin in a part of the file, from the ranges of free space. */
  async collectRanges(part: InForcePart, ranges: FreeRanges, model: RecordModel): Promise<void> {
    const { source, geometry } = this.#db;
    const buckets = new Set(this.#survey.stale.map(({ offset }) => offset));
    const own: number[] = [];
    for (let i = 0; i < ranges.length; i++) {
      const offset = ranges.offsetOf(i);
      if (offset < part.from || offset >= part.to) continue;
      if (ranges.lengthOf(i) === geometry.bucketSize && buckets.has(offset)) continue;
      own.push(i);
    }
    const offsets = Float64Array.from(own, (i) => ranges.offsetOf(i));
    const sizes = Float64Array.from(own, (i) => Math.min(model.headSize, ranges.lengthOf(i)));
    await new RangeReader(source).read(offsets, sizes, (n, window, at) => {
      const range = ranges.at(own[n]);
      const head = window.subarray(at, at + sizes[n]);
      const division = model.divide(head, range.length, this.#listingBucket(range, head));
      if (division === undefined) return;
      const { keySize, certainty } = division;
      const key = head.subarray(0, keySize);
      const place = { offset: range.offset, keySize, dataSize: range.length - keySize };
      if (part.has(place.offset, place.keySize, place.dataSize)) return;
      const hashChar = isPortableKey(key) ? 'either' : 'signed';
      const hash = hashKey(key, 'signed');
      this.#old.addFreed(
        {
          record: { hash, hashChar, ...place, bucket: -1, element: -1, provenance: 'deleted' },
          keyStart: startOf(key.subarray(0, KEY_START)),
          proof: 'range',
          homeBits: 0,
        },
        ranges.areSeparate ? certainty : Math.min(certainty, JOINED_BITS),
      );
    });
  }

  #listingBucket({ site }: FreeRange, head: Uint8Array) {
    if (site === undefined) return undefined;
    const { first, bits } = ownRange(site, this.#db.directory.length);
    const isOwn = (keySize: number) => {
      const key = head.subarray(0, keySize);
      const has = (hash: number) => rangeOf(hash, bits).first === first;
      return has(hashKey(key, 'signed')) || has(hashKey(key, 'unsigned'));
    };
    return { hashBits: bits, isOwn };
  }

  async #addRejected(one: RejectedElement, keyProved: boolean): Promise<void> {
    const { reason, keyStart, ...place } = one;
    const hashChar = keyProved ? await flavourOf(this.#db.source, place) : 'signed';
    const provenance = reason === 'duplicate' ? 'stale' : this.#provenanceOf(place.hash);
    this.#old.add({
      record: { ...place, hashChar, provenance },
      keyStart: startOf(keyStart),
      proof: keyProved ? 'hash' : 'none',
      homeBits: 0,
    });
  }

  #provenanceOf(hash: number): 'stale' | 'deleted' {
    return rulerOf(this.#survey, hash) === undefined ? 'stale' : 'deleted';
  }
}

/** Learns what keys and values look like, from records in force, and from old ones where there are few of these. */
async function learnRecords(source: Source, { sample }: InForce, old: OldList): Promise<RecordModel> {
  const places = [...sample.places];
  for (let row = 0; row < old.length && places.length < weights.old.fewInForce; row++) {
    const proof = old.proofOf(row);
    if (proof === 'hash' || (proof === 'bucket' && old.homeBitsOf(row) >= weights.old.tellingHome))
      places.push(old.placeOf(row));
  }
  const model = new RecordModel();
  const sizeOf = ({ keySize, dataSize }: Place) => keySize + Math.min(VALUE_BYTES, dataSize);
  const short = places.filter((place) => sizeOf(place) <= MOST_LEARNED);
  const offsets = Float64Array.from(short, ({ offset }) => offset);
  await new RangeReader(source).read(offsets, Float64Array.from(short, sizeOf), (n, window, at) => {
    const { keySize, dataSize } = short[n];
    const value = at + keySize;
    const start = window.subarray(value, value + Math.min(VALUE_BYTES, dataSize));
    model.learn(window.subarray(at, value), start, dataSize);
  });
  return model;
}

/** Finds the overlays of each record of a list, then its confidence. */
async function judge(
  { source, geometry }: Database,
  { stale }: SearchedSurvey,
  old: OldList,
  parts: AsyncIterable<InForcePart>,
): Promise<void> {
  const { order } = old;
  markShared(old);
  // A key that may be another record's is no evidence of a later write.
  const sure = order.filter((row) => {
    const proof = old.proofOf(row);
    return (
      proof === 'hash' ||
      old.rangeBitsOf(row) >= weights.old.rangeHigh ||
      (proof !== 'none' && old.homeBitsOf(row) >= weights.old.tellingHome)
    );
  });
  const overwriting = new Overwriting({
    starts: Float64Array.from(sure, (row) => old.offsetOf(row)),
    placeOf: (index) => old.placeOf(sure[index]),
    buckets: Float64Array.from(
      stale.filter(({ state }) => state === 'sound'),
      ({ offset }) => offset,
    ).sort(),
    bucketSize: geometry.bucketSize,
  });
  const replaced = new ReplacedKeys(source, old);

  let next = 0;
  /** Records that reach beyond the parts so far. */
  let open: number[] = [];
  for await (const part of parts) {
    for (; next < order.length && old.offsetOf(order[next]) < part.to; next++) open.push(order[next]);
    for (const row of open) {
      old.writeOver(row, overwriting.add(old.placeOf(row), part, old.writtenOver(row)));
    }
    open = open.filter((row) => {
      const { offset, keySize, dataSize } = old.placeOf(row);
      return offset + keySize + dataSize > part.to;
    });
    await replaced.mark(part);
  }

  let budget = READ_BUDGET * source.size;
  for (const row of order) {
    const place = old.placeOf(row);
    const proof = old.proofOf(row);
    budget -= place.dataSize;
    const shape = proof !== 'none' && budget >= 0 ? await shapeOf(source, place) : undefined;
    const confidence = confidenceOf({
      provenance: old.provenanceOf(row),
      proof,
      homeBits: old.homeBitsOf(row),
      overwritten: old.writtenOver(row),
      shared: old.isShared(row),
      freed: old.isFreed(row),
      rangeBits: old.rangeBitsOf(row),
      whole: shape?.whole,
    });
    old.judge(row, confidence, shape);
  }
}

/** Marks records that begin at the same place as another one, if the keys of both are there. */
function markShared(old: OldList): void {
  let last = -1;
  for (const row of old.order) {
    if (old.proofOf(row) === 'none') continue;
    if (last >= 0 && old.offsetOf(last) === old.offsetOf(row)) {
      old.markShared(last);
      old.markShared(row);
    }
    last = row;
  }
}

/** The flavour of hash by which a key that is proved gives its element's hash. */
async function flavourOf(
  source: Source,
  { offset, keySize, hash }: Pick<SalvagedRecord, 'offset' | 'keySize' | 'hash'>,
): Promise<SalvagedRecord['hashChar']> {
  const key = await source.read(offset, keySize);
  if (isPortableKey(key)) return 'either';
  return hashKey(key, 'signed') === hash ? 'signed' : 'unsigned';
}

/** Shape that a value begins with, and whether it also ends as that shape does; undefined without a known shape. */
async function shapeOf(
  source: Source,
  { offset, keySize, dataSize }: Pick<SalvagedRecord, 'offset' | 'keySize' | 'dataSize'>,
): Promise<ValueShape | undefined> {
  if (dataSize === 0) return undefined;
  const at = offset + keySize;
  const start = await readUpTo(source, at, Math.min(GLANCE, dataSize));
  for (const shape of SHAPES) {
    if (!shape.mayStart(start, 0)) continue;
    const measured = await shape.measure(source, at, at + dataSize);
    return { name: shape.name, whole: measured?.size === dataSize };
  }
  return undefined;
}
