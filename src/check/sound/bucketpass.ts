import type { Database } from '../../database/database.js';
import { BUCKET_AVAIL, bucketStruct } from '../../format/bucket.js';
import { decodeAvailTable } from '../../format/avail.js';
import { HASH_BITS } from '../../format/hash.js';
import { member } from '../../format/struct.js';
import { readInto } from '../../source/source.js';
import { checkAvailTable } from '../avail.js';
import type { FindingList } from '../finding.js';
import { isTableValid } from '../libgdbm.js';
import { BucketWords } from './bucketwords.js';
import type { DirectoryRuns } from './directoryruns.js';
import type { Structures } from './structures.js';

/** Bytes of buckets that lie beside each other and are read together. */
const TOGETHER = 1 << 18;

/** Passes through the buckets that a directory leads to, in order of their file offsets. */
export class BucketPass {
  readonly #db: Database;
  readonly #runs: DirectoryRuns;
  readonly #words: BucketWords;
  readonly #bytes: Uint8Array;
  /** The runs whose buckets are in memory. */
  #first = 0;
  #end = 0;
  /** Whether libgdbm takes the avail tables of all buckets that were judged. */
  tablesValid = true;

  constructor(db: Database, runs: DirectoryRuns) {
    const { bucketSize, bucketElements } = db.geometry;
    this.#db = db;
    this.#runs = runs;
    this.#words = new BucketWords(db.format, bucketSize, bucketElements);
    const most = Math.max(1, Math.min(Math.floor(TOGETHER / bucketSize), runs.length));
    this.#bytes = new Uint8Array(most * bucketSize);
  }

  /** Reads each bucket; `visit` gets its words and bytes, valid during the call, and says whether to go on. */
  async each(
    visit: (words: BucketWords, bytes: Uint8Array, run: number) => boolean | Promise<boolean>,
  ): Promise<boolean> {
    this.#end = 0;
    for (let run = 0; run < this.#runs.length; run++) {
      if (run >= this.#end) await this.#read(run);
      const bytes = this.#bytesOf(run);
      this.#words.load(bytes);
      const goesOn = visit(this.#words, bytes, run);
      if (!(typeof goesOn === 'boolean' ? goesOn : await goesOn)) return false;
    }
    return true;
  }

  /**
   * Reads each bucket, but only the elements whose records begin from one file offset to before another.
   *
   * @param visit gets the words, valid during the call
   */
  async eachBetween(
    from: number,
    to: number,
    visit: (words: BucketWords, run: number) => void,
  ): Promise<void> {
    this.#end = 0;
    for (let run = 0; run < this.#runs.length; run++) {
      if (run >= this.#end) await this.#read(run);
      this.#words.loadBetween(this.#bytesOf(run), from, to);
      if (this.#words.usedCount > 0) visit(this.#words, run);
    }
  }

  /** Reads one bucket, of which neighbours are read as well; its words are valid until the next is asked for. */
  async at(run: number): Promise<BucketWords> {
    if (run < this.#first || run >= this.#end) await this.#read(run);
    this.#words.load(this.#bytesOf(run));
    return this.#words;
  }

  /** Of a bucket that is in memory. */
  #bytesOf(run: number): Uint8Array {
    const { bucketSize } = this.#db.geometry;
    return this.#bytes.subarray((run - this.#first) * bucketSize, (run - this.#first + 1) * bucketSize);
  }

  /** Reads a bucket and those that lie directly behind it. */
  async #read(run: number): Promise<void> {
    const { bucketSize } = this.#db.geometry;
    const { offsets, length } = this.#runs;
    let end = run + 1;
    let size = bucketSize;
    while (end < length && size < this.#bytes.length && offsets[end] === offsets[run] + size) {
      size += bucketSize;
      end++;
    }
    this.#end = 0;
    await readInto(this.#db.source, offsets[run], this.#bytes.subarray(0, size));
    this.#first = run;
    this.#end = end;
  }

  /**
   * Holds each bucket against what an intact file has: its head, its avail table, and of each element in use the fields,
   * the hash's range and that a lookup reaches it. What an intact file may also have, such as an unsorted avail table,
   * goes into `findings`.
   *
   * @param take gets each bucket whose elements are as they should be; it says whether to go on
   * @returns whether all is as it should be
   */
  async judge(
    structures: Structures,
    findings: FindingList,
    take: (words: BucketWords, run: number) => boolean | Promise<boolean>,
  ): Promise<boolean> {
    const { bucketSize } = this.#db.geometry;
    return this.each((words, bytes, run) => {
      const offset = this.#runs.offsets[run];
      structures.add('bucket', offset, bucketSize);
      return (
        this.#isHeadSound(words, run) &&
        this.#takeAvail(words.availCount, bytes, offset, structures, findings) &&
        this.#areElementsSound(words, run) &&
        take(words, run)
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
    structures: Structures,
    findings: FindingList,
  ): boolean {
    if (count === 0) return true;
    const { layout, byteOrder } = this.#db.format;
    const at = member(bucketStruct(layout), 'bucket_avail').offset;
    const table = decodeAvailTable(bytes, at, count, layout, byteOrder);
    const checked = checkAvailTable(this.#db, table, offset + at, 'bucket-avail');
    findings.add(checked.findings);
    this.tablesValid &&= isTableValid(this.#db.header, table);
    for (const { av_adr, av_size } of checked.free) structures.add('free', av_adr, av_size);
    return true;
  }

  #areElementsSound(words: BucketWords, run: number): boolean {
    const { elements, used, usedCount, hashes, pointers, keySizes, dataSizes } = words;
    if (usedCount !== words.count) return false;
    const end = this.#fileEnd;
    const bits = this.#runs.bits[run];
    const shift = HASH_BITS - bits;
    const prefix = this.#runs.firstSlots[run] >>> (Math.log2(this.#db.directory.length) - bits);
    // How many elements in use stand directly before one: for the first those around the end.
    let before = 0;
    while (before < usedCount && used[usedCount - 1 - before] === elements - 1 - before) before++;
    let next = 0;
    for (let n = 0; n < usedCount; n++) {
      const i = used[n];
      if (i !== next) before = 0;
      next = i + 1;
      const hash = hashes[i];
      const pointer = pointers[i];
      const keySize = keySizes[i];
      const dataSize = dataSizes[i];
      if (hash < 0 || keySize < 0 || dataSize < 0 || pointer < 0) return false;
      if (pointer + keySize + dataSize > end || (bits > 0 && hash >>> shift !== prefix)) return false;
      const home = hash % elements;
      const distance = i >= home ? i - home : i - home + elements;
      if (distance > before) return false;
      if (before < elements) before++;
    }
    return true;
  }

  /** No record ends later: the file's end, and the end that the header tells. */
  get #fileEnd(): number {
    const { source, header, headerLost } = this.#db;
    return headerLost ? source.size : Math.min(source.size, header.next_block);
  }
}
