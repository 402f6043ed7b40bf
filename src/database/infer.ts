import { bucketElementCount, BUCKET_AVAIL, BucketView } from '../format/bucket.js';
import { endOfRun, MAX_DIRECTORY_BITS, MIN_DIRECTORY_BITS, slotOf } from '../format/directory.js';
import type { Format } from '../format/format.js';
import { FREE_HASH } from '../format/hash.js';
import type { Header, DirectoryPlace, Geometry } from '../format/header.js';
import { offsetSize } from '../format/format.js';
import type { Source } from '../source/source.js';
import { readUpTo } from '../source/source.js';
import type { Hypothesis } from './evidence.js';
import { CERTAIN, electSizes, HEADER_BYTES, MAX_SCORE, weighHeader } from './evidence.js';
import { findDirectory } from './finddirectory.js';
import { isHeld, readDirectory } from './readdirectory.js';
import { weights } from '../weights.js';

/** The best reading of a file, with its confidence. */
interface Inference {
  readonly format: Format;
  readonly geometry: Geometry;
  /** The header as it stands in the file, right or wrong. */
  readonly header: Header;
  /** Share of the evidence that agrees, 0 to 1. */
  readonly confidence: number;
}

/** Buckets looked at to judge a reading. */
const SAMPLE = 32;

/** The bytes in which a file's header is, with zeroes for what a shorter file lacks. */
export async function readHead(source: Source): Promise<Uint8Array> {
  const head = new Uint8Array(HEADER_BYTES);
  head.set(await readUpTo(source, 0, HEADER_BYTES));
  return head;
}

/**
 * Finds how to read a file: layout, byte order, variant, block and bucket size and the directory's place, from
 * whatever of the evidence is sound, so that a file with a damaged magic or header field is still read right.
 *
 * @returns undefined if nothing speaks for a GDBM file
 */
export async function inferFormat(source: Source): Promise<Inference | undefined> {
  const head = await readHead(source);
  const hypotheses = weighHeader(head, source.size);
  // A directory cannot make up for a score far behind the best, and looking at it costs reads.
  const least =
    hypotheses[0].score >= CERTAIN ? CERTAIN : Math.max(2, hypotheses[0].score - weights.reading.fit);
  const candidates = hypotheses.filter((h) => h.score >= least);

  let best: { reading: Reading; total: number } | undefined;
  const consider = async (hypothesis: Hypothesis, search: boolean) => {
    const reading = await fitGeometry(source, hypothesis, search);
    const total = hypothesis.score + reading.fit * weights.reading.fit;
    if (!hypothesis.magicFits && total < weights.reading.withoutMagic) return;
    if (best === undefined || total > best.total) best = { reading, total };
  };
  for (const hypothesis of candidates) {
    await consider(hypothesis, false);
    // No later hypothesis can have a higher total.
    if (best !== undefined && best.total >= hypothesis.score + weights.reading.fit) break;
  }
  if (best === undefined) return undefined;
  if (best.reading.fit < weights.reading.goodFit) {
    // Searching the whole file for a directory pays only for a header that is convincing otherwise.
    const convincing = candidates.filter((h) => h.score >= weights.reading.withoutMagic);
    for (const hypothesis of convincing.slice(0, 2)) await consider(hypothesis, true);
  }
  const { hypothesis, geometry } = best.reading;
  const { format, header } = hypothesis;
  return { format, geometry, header, confidence: best.total / (MAX_SCORE + weights.reading.fit) };
}

/** A hypothesis with the sizes and the directory that fit it best. */
interface Reading {
  readonly hypothesis: Hypothesis;
  readonly geometry: Geometry;
  /** Fit of the directory, 0 to 1. */
  readonly fit: number;
}

/** @param search whether to look for the directory through the whole file */
async function fitGeometry(source: Source, hypothesis: Hypothesis, search: boolean): Promise<Reading> {
  const { format, header } = hypothesis;
  const { blockSize, bucketSize } = electSizes(hypothesis);
  const bucketElements = bucketElementCount(format.layout, bucketSize);
  const base: Geometry = { blockSize, bucketSize, bucketElements, directory: undefined };
  if (bucketElements < 1) return { hypothesis, geometry: base, fit: 0 };

  const width = offsetSize(format.layout);
  const bitsToTry = directoryBitsOf(header, width);
  // A new file's directory is the second block; it stays there until it is doubled.
  const places = [...new Set([header.dir, blockSize])].flatMap((offset) =>
    bitsToTry.map((bits) => ({ offset, bits })),
  );
  // A consistent header is believed even if all entries of its directory are lost, but not if a hole is there.
  const [stated] = places;
  const consistent = stated !== undefined && header.dir_size === width * 2 ** header.dir_bits;
  const inside = consistent && (await isHeld(source, format, stated));
  let best = inside ? { place: stated, fit: 0 } : undefined;
  const consider = async (place: DirectoryPlace, least: number) => {
    const fit = await directoryFit(source, format, base, place);
    if (fit > Math.max(best?.fit ?? 0, least)) best = { place, fit };
    return fit === 1;
  };
  for (const place of places) {
    const least =
      place.offset === header.dir ? 0 : inside ? weights.reading.sureFit : weights.reading.goodFit;
    if (await consider(place, least)) break;
  }
  if (search) {
    for (const place of await findDirectory(source, format, base, bitsToTry)) {
      if (await consider(place, weights.reading.sureFit)) break;
    }
  }
  return { hypothesis, geometry: { ...base, directory: best?.place }, fit: best?.fit ?? 0 };
}

/** Directory bits that the header's two fields give, the field `dir_bits` first. */
function directoryBitsOf(header: Header, width: number): number[] {
  const fromSize = Math.log2(header.dir_size / width);
  return [...new Set([header.dir_bits, fromSize])].filter(
    (bits) => Number.isInteger(bits) && bits >= MIN_DIRECTORY_BITS && bits <= MAX_DIRECTORY_BITS,
  );
}

/**
 * Fit of a place as the directory, 0 to 1, as the mean of three shares: the entries that could be buckets and, in a
 * sample of those, the plausible heads, and the buckets whose hashes mostly belong to the slots that lead to them and
 * that have no more slots than they say.
 */
async function directoryFit(
  source: Source,
  format: Format,
  geometry: Geometry,
  place: DirectoryPlace,
): Promise<number> {
  const { blockSize, bucketSize, bucketElements } = geometry;
  const count = 2 ** place.bits;
  if (!(await isHeld(source, format, place))) return 0;
  const entries = await readDirectory(source, format, place);
  const last = source.size - bucketSize;
  let inside = 0;
  let runs = 0;
  eachRun(entries, blockSize, last, (_, slots, isNew) => {
    inside += slots;
    if (isNew) runs++;
  });
  const step = Math.max(1, Math.floor(runs / SAMPLE));
  const sample: number[] = [];
  runs = 0;
  eachRun(entries, blockSize, last, (address, _, isNew) => {
    if (isNew && runs++ % step === 0) sample.push(address);
  });
  const leading = new Map(sample.map((address) => [address, 0]));
  eachRun(entries, blockSize, last, (address, slots) => {
    const n = leading.get(address);
    if (n !== undefined) leading.set(address, n + slots);
  });
  let plausible = 0;
  let belonging = 0;
  for (const address of sample) {
    const bucket = new BucketView(await source.read(address, bucketSize), format, bucketElements);
    if (!isPlausibleHead(bucket, place.bits)) continue;
    plausible++;
    const used = usedHashes(bucket);
    const right = used.filter((hash) => hash >= 0 && entries[slotOf(hash, place.bits)] === address);
    // In a directory that is cut short, too many entries lead to its first buckets.
    const own = 2 ** (place.bits - bucket.bits);
    if (right.length * 2 >= used.length && leading.get(address)! <= own) belonging++;
  }
  if (sample.length === 0) return 0;
  return (inside / count + (plausible + belonging) / sample.length) / 3;
}

/**
 * Visits the runs of equal entries with values from `first` to `last`.
 *
 * @param visit gets the address of a run, its number of entries, and whether the run before has another address
 */
function eachRun(
  entries: Float64Array,
  first: number,
  last: number,
  visit: (address: number, slots: number, isNew: boolean) => void,
): void {
  let previous: number | undefined;
  for (let slot = 0, end: number; slot < entries.length; slot = end) {
    const address = entries[slot];
    end = endOfRun(entries, slot);
    if (!(address >= first && address <= last)) continue;
    visit(address, end - slot, address !== previous);
    previous = address;
  }
}

function isPlausibleHead(bucket: BucketView, directoryBits: number): boolean {
  return (
    bucket.count >= 0 &&
    bucket.count <= bucket.elements &&
    bucket.bits >= 0 &&
    bucket.bits <= directoryBits &&
    bucket.availCount >= 0 &&
    bucket.availCount <= BUCKET_AVAIL
  );
}

function usedHashes(bucket: BucketView): number[] {
  const hashes: number[] = [];
  for (let i = 0; i < bucket.elements; i++) {
    const hash = bucket.hash(i);
    if (hash !== FREE_HASH) hashes.push(hash);
  }
  return hashes;
}
