import { HASH_BITS, HASH_RANGE } from '../format/hash.js';
import { passChunks } from '../source/source.js';
import { HASH, RecordIndex, WORDS } from './recordindex.js';
import type { Spill } from './sink.js';

/** Records are counted by so many leading bits of their hashes. */
const BIN_BITS = 11;
const BINS = 1 << BIN_BITS;
const BIN_SHIFT = HASH_BITS - BIN_BITS;
/** Bytes that are read together: of whole records. */
const PIECE = 4 * WORDS * (1 << 14);

/** All records of some hashes. */
export interface IndexPart {
  readonly index: RecordIndex;
  /** The lowest hash … */
  readonly begin: number;
  /** … and the one past the highest. */
  readonly limit: number;
  /** Of each record in the index its number among all, in the order in which they were added; its own where undefined. */
  readonly numbers: Uint32Array | undefined;
}

/** How records are divided into buckets, which parts must not change. */
export interface Division {
  /** Elements of a bucket. */
  readonly capacity: number;
  /** The deepest split that the directory can show. */
  readonly maxBits: number;
}

/**
 * An index of records of which only so many are in memory: the others wait in a file beside the one that is being made,
 * 28 bytes each, and are taken back by their hashes, some at a time.
 */
export class SpillingIndex {
  /** Where the next records go. */
  readonly current = new RecordIndex();
  readonly #makeSpill: (() => Promise<Spill>) | undefined;
  #held: number;
  #spill: Spill | undefined;
  readonly #counts = new Uint32Array(BINS);

  /**
   * @param makeSpill makes the file; without it all records stay in memory
   * @param held records in memory, at most, but for those that come at once; half as many when others had to make room
   */
  constructor(makeSpill: (() => Promise<Spill>) | undefined, held: number) {
    this.#makeSpill = makeSpill;
    this.#held = held;
  }

  /** To be called before records are added: those that are there may have to make room. */
  async makeRoom(): Promise<void> {
    if (this.current.count < this.#held || this.#makeSpill === undefined) return;
    if (this.#spill === undefined) {
      this.#spill = await this.#makeSpill();
      // Where there are so many more, other things need more memory, too.
      this.#held = Math.ceil(this.#held / 2);
    }
    await this.#moveTo(this.#spill);
  }

  /** All records, those of the lowest hashes first. Each part is only valid until the next one is asked for. */
  async *parts(division: Division): AsyncGenerator<IndexPart> {
    const spill = this.#spill;
    if (spill === undefined) {
      yield { index: this.current, begin: 0, limit: HASH_RANGE, numbers: undefined };
      return;
    }
    await this.#moveTo(spill);
    let begin = 0;
    for (const end of divideBins(this.#counts, this.#held, division)) {
      const numbers = await this.#takeBack(spill, begin, end);
      yield { index: this.current, begin: begin << BIN_SHIFT, limit: end * 2 ** BIN_SHIFT, numbers };
      begin = end;
    }
  }

  /** Gives back the room of what waits. */
  async close(): Promise<void> {
    await this.#spill?.close();
  }

  async #moveTo(spill: Spill): Promise<void> {
    for (const words of this.current.pieces()) {
      for (let at = HASH; at < words.length; at += WORDS) this.#counts[words[at] >>> BIN_SHIFT]++;
      await spill.write(spill.size, new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
    }
    this.current.clear(this.#held);
  }

  /** Takes the records of some bins back into the index; gives their numbers. */
  async #takeBack(spill: Spill, begin: number, end: number): Promise<Uint32Array> {
    const index = this.current;
    index.clear(this.#held);
    const count = this.#counts.subarray(begin, end).reduce((sum, one) => sum + one, 0);
    const numbers = new Uint32Array(count);
    let number = 0;
    for await (const { buffer, byteOffset, byteLength } of passChunks(spill, 0, spill.size, PIECE)) {
      const words = new Int32Array(buffer, byteOffset, byteLength / 4);
      for (let at = 0; at < words.length; at += WORDS, number++) {
        const bin = words[at + HASH] >>> BIN_SHIFT;
        if (bin < begin || bin >= end) continue;
        numbers[index.count] = number;
        index.take(words, at);
      }
    }
    return numbers;
  }
}

/**
 * Divides bins into parts of at most so many records, if that can be without a part that ends inside a bucket: more records
 * than a bucket holds are in the range that is halved there. Of hashes that are far from even parts are larger.
 *
 * @param counts records of each bin
 * @returns of each part the bin past its last
 */
export function divideBins(counts: Uint32Array, most: number, { capacity, maxBits }: Division): number[] {
  const bins = counts.length;
  const bits = Math.log2(bins);
  const before = new Float64Array(bins + 1);
  for (let bin = 0; bin < bins; bin++) before[bin + 1] = before[bin] + counts[bin];
  const isSplitAt = (bin: number) => {
    const alignment = bin & -bin;
    return (
      bits - Math.log2(alignment) <= maxBits && before[bin + alignment] - before[bin - alignment] > capacity
    );
  };
  const ends: number[] = [];
  let begin = 0;
  let last = 0;
  for (let bin = 1; bin < bins; bin++) {
    if (!isSplitAt(bin)) continue;
    if (before[bin] - before[begin] > most && last > begin) {
      ends.push(last);
      begin = last;
    }
    last = bin;
  }
  if (before[bins] - before[begin] > most && last > begin) ends.push(last);
  return [...ends, bins];
}
