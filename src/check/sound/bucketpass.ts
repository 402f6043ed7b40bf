import type { Database } from '../../database/database.js';
import { BUCKET_AVAIL, bucketStruct } from '../../format/bucket.js';
import { decodeAvailTable } from '../../format/avail.js';
import { HASH_BITS } from '../../format/hash.js';
import { member } from '../../format/struct.js';
import { readInto } from '../../source/source.js';
import { checkAvailTable } from '../avail.js';
import type { FindingList } from '../finding.js';
import { BucketWords } from './bucketwords.js';
import type { ElementColumns } from './columns.js';
import type { DirectoryRuns } from './directoryruns.js';
import type { Extents } from './extents.js';

/** Passes through the buckets that a directory leads to, in order of their file offsets. */
export class BucketPass {
  readonly #db: Database;
  readonly #runs: DirectoryRuns;
  readonly #words: BucketWords;
  readonly #bytes: Uint8Array;

  constructor(db: Database, runs: DirectoryRuns) {
    const { bucketSize, bucketElements } = db.geometry;
    this.#db = db;
    this.#runs = runs;
    this.#words = new BucketWords(db.format, bucketSize, bucketElements);
    this.#bytes = new Uint8Array(bucketSize);
  }

  /** Reads each bucket; `visit` gets its words and bytes, valid during the call, and says whether to go on. */
  async each(
    visit: (words: BucketWords, bytes: Uint8Array, run: number) => boolean | Promise<boolean>,
  ): Promise<boolean> {
    for (let run = 0; run < this.#runs.length; run++) {
      await readInto(this.#db.source, this.#runs.offsets[run], this.#bytes);
      this.#words.load(this.#bytes);
      const goesOn = visit(this.#words, this.#bytes, run);
      if (!(typeof goesOn === 'boolean' ? goesOn : await goesOn)) return false;
    }
    return true;
  }

  /**
   * Holds each bucket against what an intact file has: its head, its avail table, and of each element in use the fields,
   * the hash's range and that a lookup reaches it. What an intact file may also have, such as an unsorted avail table,
   * goes into `findings`.
   *
   * @param take gets each element in use
   * @returns whether all is as it should be
   */
  async judge(
    structures: Extents,
    findings: FindingList,
    take: (words: BucketWords, i: number, pointer: number) => void,
  ): Promise<boolean> {
    const { bucketSize } = this.#db.geometry;
    return this.each((words, bytes, run) => {
      const offset = this.#runs.offsets[run];
      structures.add('bucket', offset, bucketSize);
      return (
        this.#isHeadSound(words, run) &&
        this.#takeAvail(words.availCount, bytes, offset, structures, findings) &&
        this.#areElementsSound(words, run, take)
      );
    });
  }

  #isHeadSound({ bits, count, availCount, elements }: BucketWords, run: number): boolean {
    const possible = availCount >= 0 && availCount <= BUCKET_AVAIL && count >= 0 && count <= elements;
    return possible && bits === this.#runs.bits[run];
  }

  #takeAvail(
    count: number,
    bytes: Uint8Array,
    offset: number,
    structures: Extents,
    findings: FindingList,
  ): boolean {
    if (count === 0) return true;
    const { layout, byteOrder } = this.#db.format;
    const at = member(bucketStruct(layout), 'bucket_avail').offset;
    const table = decodeAvailTable(bytes, at, count, layout, byteOrder);
    const checked = checkAvailTable(this.#db, table, offset + at, 'bucket-avail');
    findings.add(checked.findings);
    for (const { av_adr, av_size } of checked.free) structures.add('free', av_adr, av_size);
    return true;
  }

  #areElementsSound(
    words: BucketWords,
    run: number,
    take: (words: BucketWords, i: number, pointer: number) => void,
  ): boolean {
    const { elements } = words;
    const end = this.#end;
    const bits = this.#runs.bits[run];
    const shift = HASH_BITS - bits;
    const prefix = this.#runs.firstSlots[run] >>> (Math.log2(this.#db.directory.length) - bits);
    // How many elements in use stand directly before the first, around the end.
    let before = 0;
    while (before < elements && !words.isFree(elements - 1 - before)) before++;
    let used = 0;
    for (let i = 0; i < elements; i++) {
      if (words.isFree(i)) {
        before = 0;
        continue;
      }
      const hash = words.hash(i);
      const pointer = words.pointer(i);
      const keySize = words.keySize(i);
      const dataSize = words.dataSize(i);
      if (hash < 0 || keySize < 0 || dataSize < 0 || pointer < 0) return false;
      if (pointer + keySize + dataSize > end || (bits > 0 && hash >>> shift !== prefix)) return false;
      const home = hash % elements;
      const distance = i >= home ? i - home : i - home + elements;
      if (distance > before) return false;
      if (before < elements) before++;
      used++;
      take(words, i, pointer);
    }
    return used === words.count;
  }

  /** No record ends later: the file's end and, where it is known, the end that the header tells. */
  get #end(): number {
    const { source, header } = this.#db;
    return header.next_block > 0 ? Math.min(source.size, header.next_block) : source.size;
  }
}

/** Puts an element at the end of the columns, if there is room. */
export function pushElement(
  columns: ElementColumns,
  words: BucketWords,
  i: number,
  pointer: number,
): boolean {
  const n = columns.length;
  if (n === columns.capacity) return false;
  columns.offsets[n] = pointer;
  columns.hashes[n] = words.hash(i);
  columns.keySizes[n] = words.keySize(i);
  columns.dataSizes[n] = words.dataSize(i);
  columns.starts[n] = words.keyStart(i);
  columns.length = n + 1;
  return true;
}
