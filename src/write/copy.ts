import { SiteReader } from '../check/bucketreader.js';
import type { Examination, Flavours } from '../check/examination.js';
import { startOf } from '../check/element.js';
import { KEPT, START } from '../check/marks.js';
import type { RecordRuns } from '../check/space.js';
import type { Database } from '../database/database.js';
import type { Survey } from '../database/survey.js';
import { KEY_START } from '../format/bucket.js';
import { HASH_RANGE } from '../format/hash.js';
import { numbersBelow } from '../numbers.js';
import type { Source } from '../source/source.js';
import { readInto } from '../source/source.js';
import type { BuildResult } from './builder.js';
import type { BuildSpec, FreshBucket } from './frame.js';
import { BucketFiller, deepestSplit, Frame } from './frame.js';
import type { PlannedBucket } from './plan.js';
import { planBuckets } from './plan.js';
import type { Sink } from './sink.js';

/** The elements of one bucket that prove a record, as columns; valid until the next bucket is asked for. */
export interface Elements {
  /** The numbers of these elements, the first {@link usedCount}; the columns say nothing of others. */
  readonly used: Uint32Array;
  readonly usedCount: number;
  readonly hashes: Int32Array;
  /** File offsets of the keys; the value follows its key directly. */
  readonly pointers: Float64Array;
  /** Bytes. */
  readonly keySizes: Int32Array;
  readonly dataSizes: Int32Array;
  /** The key's first four bytes as a number, the first byte in the lowest place; undefined past the key's end. */
  readonly starts: Int32Array;
}

/** A bucket of a copy: the hashes from `first` that share `bits` leading bits. */
interface CopiedBucket {
  readonly first: number;
  readonly bits: number;
  readonly elements: Elements;
}

/** A database whose records can be copied as they lie, because no two share a byte. */
export class Original {
  readonly db: Database;
  readonly records: number;
  readonly flavours: Readonly<Flavours>;
  /** Its records, in order of their places. */
  readonly runs: RecordRuns;
  readonly #survey: Survey;
  readonly #examination: Examination;
  readonly #isProved: boolean;

  /** @param isProved true if all buckets and elements are in order, so that a copy has the same buckets */
  constructor(db: Database, survey: Survey, examination: Examination, runs: RecordRuns, isProved: boolean) {
    const { records, signed, unsigned } = examination;
    this.db = db;
    this.records = records;
    this.flavours = { signed, unsigned, either: records - signed - unsigned };
    this.runs = runs;
    this.#survey = survey;
    this.#examination = examination;
    this.#isProved = isProved;
  }

  /** The elements that prove a record, bucket by bucket in order of their places. */
  async *elements(): AsyncGenerator<Elements> {
    const { sites } = this.#survey;
    const { kept } = this.#examination.marks;
    const reader = new SiteReader(this.db);
    const order = Uint32Array.from(sites.keys()).filter((s) => kept[s] > 0);
    for (const s of order.sort((a, b) => sites[a].offset - sites[b].offset)) yield this.#read(reader, s);
  }

  /** The buckets of a copy; undefined if the records must be examined one by one. */
  async plan(spec: BuildSpec): Promise<AsyncIterable<CopiedBucket> | undefined> {
    const { sites, siteOfSlot } = this.#survey;
    const slotHashes = HASH_RANGE / siteOfSlot.length;
    const ranges = this.#isProved
      ? sites.map(({ firstSlot, bits }, site) => ({ first: firstSlot * slotHashes, bits, site }))
      : await planBuckets(this.db, this.#survey, this.#examination, deepestSplit(spec));
    if (ranges === undefined) return undefined;
    const offsetOf = (range: PlannedBucket) =>
      'site' in range ? sites[range.site].offset : Number.MAX_VALUE;
    return this.#buckets([...ranges].sort((a, b) => offsetOf(a) - offsetOf(b)));
  }

  async *#buckets(ranges: readonly PlannedBucket[]): AsyncGenerator<CopiedBucket> {
    const reader = new SiteReader(this.db);
    for (const range of ranges) {
      const elements = 'site' in range ? await this.#read(reader, range.site) : await range.elements();
      yield { first: range.first, bits: range.bits, elements };
    }
  }

  async #read(reader: SiteReader, s: number): Promise<Elements> {
    const words = await reader.read(this.#survey.sites[s]);
    const { marks } = this.#examination;
    // Nearly all buckets have no exception.
    if (marks.sites[s] === 0) return words;
    const { used, pointers, keySizes, starts } = words;
    let kept = 0;
    for (let n = 0; n < words.usedCount; n++) {
      const i = used[n];
      const mark = marks.flags[s * marks.elements + i];
      if ((mark & KEPT) === 0) continue;
      used[kept++] = i;
      if ((mark & START) !== 0) {
        starts[i] = startOf(await this.db.source.read(pointers[i], Math.min(KEY_START, keySizes[i])));
      }
    }
    words.usedCount = kept;
    return words;
  }
}

/**
 * Writes a fresh copy: the records in order of their places, without the bytes between them, then the buckets with moved
 * pointers, the directory and the header. Everything is read and written nearly in order, and nothing is held for a record.
 * Memory: 8 bytes for each run of records and each directory entry, 100 for each bucket.
 *
 * @returns undefined, with nothing written, where the records must be looked at one by one
 * @throws BuildError if an offset of the format cannot be so large
 */
export async function copyInOrder(
  original: Original,
  spec: BuildSpec,
  sink: Sink,
): Promise<BuildResult | undefined> {
  const planned = await original.plan(spec);
  if (planned === undefined) return undefined;
  const { db, runs, records } = original;
  const places = new CopiedPlaces(runs, spec.blockSize);
  const frame = new Frame(sink, spec);
  frame.requireOffset(spec.blockSize + places.bytes);
  for await (const bytes of recordBytes(db.source, runs)) await frame.out.append(bytes);
  await frame.endRecords();
  const size = await frame.finish(movedBuckets(planned, places, spec));
  return { records, duplicates: 0, crowded: 0, size };
}

async function* movedBuckets(
  planned: AsyncIterable<CopiedBucket>,
  places: CopiedPlaces,
  spec: BuildSpec,
): AsyncGenerator<FreshBucket> {
  const bucket = new BucketFiller(spec);
  for await (const { first, bits, elements } of planned) {
    const { used, usedCount, hashes, pointers, keySizes, dataSizes, starts } = elements;
    bucket.begin(bits, usedCount);
    for (let n = 0; n < usedCount; n++) {
      const i = used[n];
      const hash = hashes[i];
      const keySize = keySizes[i];
      const dataSize = dataSizes[i];
      const offset = places.of(pointers[i], keySize + dataSize);
      const start = starts[i] & startMask(keySize);
      const high = Math.floor(offset / 2 ** 32);
      bucket.writer.put(bucket.placeFor(hash), hash, start, offset | 0, high, keySize, dataSize);
    }
    yield { first, bits, bytes: bucket.end() };
  }
}

/** The bits of `key_start`, as a number, that a key of so many bytes defines. */
export function startMask(keySize: number): number {
  return keySize < KEY_START ? (1 << (8 * keySize)) - 1 : -1;
}

/** One of so many runs is remembered where they are many, as a power of two. */
const STEP_BITS = 3;
const MANY_RUNS = 1 << 20;

/**
 * The places of a database's records in its copy: their runs one after the other, from `base` on. Memory: 4 bytes for each
 * run, half a byte where there are more than 2^20; twice that for a file of more than 4 GiB.
 */
export class CopiedPlaces {
  readonly #runs: RecordRuns;
  readonly #base: number;
  readonly #stepBits: number;
  /** Bytes before the first run of each step that are in no run. */
  readonly #skipped: Uint32Array | Float64Array;
  /** Bytes of all records. */
  readonly bytes: number;

  /** @param base file offset of the first record in the copy */
  constructor(runs: RecordRuns, base: number) {
    this.#runs = runs;
    this.#base = base;
    this.#stepBits = runs.length > MANY_RUNS ? STEP_BITS : 0;
    const size = runs.length === 0 ? 0 : runs.end(runs.length - 1);
    const step = 1 << this.#stepBits;
    this.#skipped = numbersBelow(size + 1, Math.ceil(runs.length / step));
    let skipped = 0;
    for (let run = 0, end = 0; run < runs.length; run++) {
      skipped += runs.start(run) - end;
      end = runs.end(run);
      if (run % step === 0) this.#skipped[run >>> this.#stepBits] = skipped;
    }
    this.bytes = size - skipped;
  }

  /** File offset in the copy of the record at `offset`; a record of no bytes may be anywhere. */
  of(offset: number, length: number): number {
    if (length === 0) return this.#base;
    const runs = this.#runs;
    const run = runs.runAt(offset);
    const step = run >>> this.#stepBits;
    let skipped = this.#skipped[step];
    for (let n = step << this.#stepBits; n < run; n++) skipped += runs.start(n + 1) - runs.end(n);
    return this.#base + offset - skipped;
  }
}

/** Bytes of one read. */
const WINDOW = 1 << 19;
/** Runs that are no farther apart are read together. */
const MAX_GAP = 16 * 1024;
/** Moves so short are made by a loop: a call for each takes longer than the move. */
const SHORT = 64;

/**
 * The bytes of all runs in their order, many runs in one piece, which is valid until the next one is asked for; the next
 * read goes on meanwhile. Memory: two windows of half a MiB, and nothing for a run.
 */
export async function* recordBytes(source: Source, runs: RecordRuns): AsyncGenerator<Uint8Array> {
  const buffers = [new Uint8Array(WINDOW), new Uint8Array(WINDOW)];
  let turn = 0;
  const plan = planReads(runs);
  const start = () => {
    const next = plan.next();
    if (next.done) return undefined;
    const { base, end } = next.value;
    const bytes = buffers[turn++ & 1].subarray(0, end - base);
    const done = readInto(source, base, bytes);
    // If nobody asks for the next piece, nobody waits for this read.
    done.catch(() => {});
    return { read: next.value, bytes, done };
  };
  for (let now = start(); now !== undefined;) {
    await now.done;
    const ahead = start();
    yield closeUp(now.bytes, now.read, runs);
    now = ahead;
  }
}

/** A part of the file that is read at once, and the first run that has bytes of it. */
interface Read {
  readonly base: number;
  readonly end: number;
  readonly first: number;
}

function* planReads(runs: RecordRuns): Generator<Read> {
  let base = 0;
  let end = 0;
  let first = -1;
  for (let run = 0; run < runs.length; run++) {
    let from = runs.start(run);
    while (from < runs.end(run)) {
      if (first >= 0 && (from > end + MAX_GAP || from >= base + WINDOW)) {
        yield { base, end, first };
        first = -1;
      }
      if (first < 0) [base, first] = [from, run];
      from = end = Math.min(runs.end(run), base + WINDOW);
    }
  }
  if (first >= 0) yield { base, end, first };
}

/** Moves the bytes of runs in a read to its beginning, one behind the other. */
function closeUp(bytes: Uint8Array, { base, end, first }: Read, runs: RecordRuns): Uint8Array {
  let at = 0;
  for (let run = first; run < runs.length && runs.start(run) < end; run++) {
    const from = Math.max(runs.start(run), base) - base;
    const to = Math.min(runs.end(run), end) - base;
    if (from === at) at = to;
    else if (to - from > SHORT) {
      bytes.copyWithin(at, from, to);
      at += to - from;
    } else for (let i = from; i < to; i++) bytes[at++] = bytes[i];
  }
  return bytes.subarray(0, at);
}
