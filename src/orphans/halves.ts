import type { HashRange } from '../database/claims.js';
import { rangeOf } from '../database/claims.js';
import type { Database } from '../database/database.js';
import { BucketView, BUCKET_AVAIL, elementStruct, elementsStart } from '../format/bucket.js';
import { FREE_HASH, HASH_BITS } from '../format/hash.js';
import type { BlockGrid } from '../source/views.js';
import type { SearchedSurvey } from './adopt.js';
import type { Move } from './witnesses.js';

/** Minimum number of elements in the second half of a bucket: fewer may match the count in a head by chance. */
const FEW = 2;
/** Minimum total number of bits that the second half's hashes share with the first half's; fewer may be chance. */
const NO_CHANCE = 12;
/** Maximum number of damaged buckets across two blocks: each is compared with each. */
const MAX_HALVES = 1 << 10;

/** A bucket's bytes as they lie in the file; one half may be another bucket's. */
interface Halves {
  readonly block: number;
  /** Start of the second block, in bytes from the bucket's start. */
  readonly seam: number;
  /** Range and number of elements that the head gives for the second half; undefined if no head is possible. */
  readonly wanted: { readonly range: HashRange; readonly elements: number } | undefined;
  /** Hashes of the elements in use that lie wholly in the second half. */
  readonly second: readonly number[];
}

/**
 * Finds buckets whose halves lie in two blocks that are not neighbours. The number of elements that the head of one
 * bucket counts beyond its own half equals the number in another bucket's second half, all with hashes of the first
 * one's range. Either half may be the one that moved.
 */
export async function findHalves(db: Database, survey: SearchedSurvey, blocks: BlockGrid): Promise<Move[]> {
  const { bucketSize } = db.geometry;
  const offsets = new Set<number>();
  for (const { state, offset } of [...survey.sites, ...survey.stale]) {
    const isCut = blocks.startOf(blocks.blockOf(offset) + 1) < offset + bucketSize;
    if ((state === 'headless' || state === 'malformed') && isCut && offsets.size < MAX_HALVES)
      offsets.add(offset);
  }
  const all: Halves[] = [];
  for (const offset of offsets) {
    if (offset >= 0 && offset + bucketSize <= db.source.size) all.push(await readHalves(db, offset, blocks));
  }
  const moves: Move[] = [];
  for (const { block: head, seam, wanted } of all) {
    if (wanted === undefined) continue;
    const { range, elements } = wanted;
    const fitting = all.filter(({ block, seam: other, second }) => {
      // An element that lies across the seam is in neither half.
      const left = elements - second.length;
      return (
        block !== head &&
        other === seam &&
        (left === 0 || left === 1) &&
        second.length >= FEW &&
        second.length * range.bits >= NO_CHANCE &&
        second.every((hash) => rangeOf(hash, range.bits).first === range.first)
      );
    });
    if (fitting.length !== 1) continue;
    const tail = fitting[0].block + 1;
    moves.push({ home: head + 1, now: tail }, { home: tail - 1, now: head });
  }
  return moves;
}

async function readHalves({ source, format, geometry }: Database, offset: number, blocks: BlockGrid) {
  const { bucketSize, bucketElements } = geometry;
  const block = blocks.blockOf(offset);
  const seam = blocks.startOf(block + 1) - offset;
  const bucket = new BucketView(await source.read(offset, bucketSize), format, bucketElements);
  const { size } = elementStruct(format.layout);
  const first: number[] = [];
  const second: number[] = [];
  for (let i = 0; i < bucket.elements; i++) {
    const at = bucket.elementOffset(i);
    if (bucket.hash(i) === FREE_HASH) continue;
    if (at + size <= seam) first.push(bucket.hash(i));
    else if (at >= seam) second.push(bucket.hash(i));
  }
  const { bits, count, availCount } = bucket;
  const isPossible =
    elementsStart(format) <= seam &&
    availCount >= 0 &&
    availCount <= BUCKET_AVAIL &&
    bits > 0 &&
    bits <= HASH_BITS &&
    count > first.length &&
    count <= bucketElements &&
    first.length > 0 &&
    first.every((hash) => hash >= 0);
  const range = isPossible ? rangeOf(first[0], bits) : undefined;
  const fits = range !== undefined && first.every((hash) => rangeOf(hash, bits).first === range.first);
  return { block, seam, second, wanted: fits ? { range, elements: count - first.length } : undefined };
}
