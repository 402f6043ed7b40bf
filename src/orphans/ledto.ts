import type { HashRange } from '../database/claims.js';
import { rangeOf } from '../database/claims.js';
import type { Database } from '../database/database.js';
import { withDirectory } from '../database/database.js';
import { BucketView } from '../format/bucket.js';
import { FREE_HASH, HASH_BITS } from '../format/hash.js';
import { offsetSize } from '../format/format.js';
import { viewOf, writeOffset } from '../format/struct.js';
import type { Source } from '../source/source.js';
import type { Progress } from '../source/sweep.js';
import { sweep } from '../source/sweep.js';
import { DirectoryVotes } from './directory.js';
import type { Inferred } from './infer.js';

/** Number of buckets whose entries are searched for: as many as one step compares. */
const SOUGHT = 4;

/**
 * Adds to a database with a lost header the directory that leads to some of its buckets. The caller then proves that
 * the directory leads to all of them. The search looks once at each aligned number of the file. If it finds nothing
 * that can be proved, the search by all buckets may find more.
 *
 * @returns undefined if entries of fewer than two buckets agree
 */
export async function withDirectoryTo(
  { db, buckets }: Inferred,
  progress?: Progress,
): Promise<Database | undefined> {
  const { source, format, geometry } = db;
  const width = offsetSize(format.layout);
  const sought: { offset: number; range: HashRange }[] = [];
  for (const offset of buckets) {
    const range = sought.length < SOUGHT ? (await hashesOf(db, offset)).range : undefined;
    if (range !== undefined) sought.push({ offset, range });
  }
  if (sought.length < 2) return undefined;
  const votes = new DirectoryVotes(geometry.blockSize, source.size, width);
  let run = { start: 0, length: 0, n: 0 };
  await eachEntry(source, entryWords(sought, db), progress, (n, start) => {
    if (run.length > 0 && run.n === n && run.start + run.length * width === start) {
      run.length++;
      return;
    }
    if (run.length > 0) votes.add(run, sought[run.n].range);
    run = { start, length: 1, n };
  });
  if (run.length > 0) votes.add(run, sought[run.n].range);
  // The larger of two directories is the newer one. The caller's proof finds out if there is a still newer one.
  const place = votes.largest();
  return place && (await withDirectory(db, place));
}

/** Depth and range of hashes of a bucket; the range is undefined for an empty bucket and for an impossible depth. */
export async function hashesOf(
  { source, format, geometry }: Database,
  offset: number,
): Promise<{ bits: number; range: HashRange | undefined }> {
  const bytes = await source.read(offset, geometry.bucketSize);
  const bucket = new BucketView(bytes, format, geometry.bucketElements);
  const { bits } = bucket;
  if (!(bits >= 0 && bits <= HASH_BITS)) return { bits, range: undefined };
  for (let i = 0; i < bucket.elements; i++) {
    if (bucket.hash(i) !== FREE_HASH) return { bits, range: rangeOf(bucket.hash(i), bits) };
  }
  return { bits, range: undefined };
}

/** Directory entries as words in this machine's byte order. */
interface EntryWords {
  /** Number of words in an entry. */
  readonly step: number;
  /** Index of the word that differs from offset to offset. */
  readonly telling: number;
  readonly entries: readonly Int32Array[];
}

function entryWords(sought: readonly { offset: number }[], { format }: Database): EntryWords {
  const { layout, byteOrder } = format;
  const width = offsetSize(layout);
  const entries = sought.map(({ offset }) => {
    const bytes = new Uint8Array(width);
    writeOffset(viewOf(bytes), 0, offset, layout, byteOrder === 'little');
    return new Int32Array(bytes.buffer);
  });
  return { step: width / 4, telling: width === 8 && byteOrder === 'big' ? 1 : 0, entries };
}

/** Visits the aligned entries of a file that are searched for, with their index and file offset. */
async function eachEntry(
  source: Source,
  { step, telling, entries }: EntryWords,
  progress: Progress | undefined,
  visit: (n: number, offset: number) => void,
): Promise<void> {
  const tell = (n: number) => entries[Math.min(n, entries.length - 1)][telling];
  const [a, b, c, d] = [tell(0), tell(1), tell(2), tell(3)];
  for await (const { view, base, places } of sweep(source, step * 4, progress)) {
    const { buffer, byteOffset, byteLength } = view;
    const isAligned = byteOffset % 4 === 0;
    const words = new Int32Array(
      isAligned ? buffer : buffer.slice(byteOffset, byteOffset + byteLength),
      isAligned ? byteOffset : 0,
      byteLength >>> 2,
    );
    const end = Math.min(Math.ceil(places / 4), words.length - step + 1);
    for (let at = 0; at < end; at += step) {
      const word = words[at + telling];
      if (word !== a && word !== b && word !== c && word !== d) continue;
      const n = entries.findIndex((entry) => entry.every((one, i) => words[at + i] === one));
      if (n >= 0) visit(n, base + at * 4);
    }
  }
}
