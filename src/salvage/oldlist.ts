import { OffsetSorter, Rows } from '../numbers.js';
import { KEY_START } from '../format/bucket.js';
import type { Confidence, KeyProof } from './confidence.js';
import { CONFIDENCES, PROOFS } from './confidence.js';
import { HOLDERS } from './inforcepart.js';
import type { OldRecord, ValueShape } from './oldrecord.js';
import type { Overlay, Place, WrittenOver } from './overwritten.js';
import { saltedPlace } from './placeset.js';
import type { SalvagedRecord } from './salvage.js';

/** A record with its evidence, before it is judged. */
export interface Candidate {
  readonly record: SalvagedRecord;
  /** First bytes of the key, as `startOf` gives them. */
  readonly keyStart: number;
  readonly proof: KeyProof;
  readonly homeBits: number;
}

/* Columns of a row, those of 64 bits first. */
const OFFSET = 0;
const BUCKET = 1;
const HOME_BITS = 2;
/** End of the bytes that were checked for overlays. */
const DONE = 3;
const WIDE = 10;
const KEY_SIZE = 8;
const DATA_SIZE = 9;
const HASH = 10;
const ELEMENT = 11;
const KEY_STARTS = 12;
/** Bytes that are written over. */
const KEY_LOSS = 13;
const VALUE_LOSS = 14;
/** Number of the first overlay plus 1; 0 if there is none. */
const OVERLAY = 15;
/** Indexes into the lists of names below, four bits for each. */
const NAMES = 16;
const MARKS = 17;
/** Bits by which a free range is a record, as a whole number. */
const RANGE_BITS = 18;
const WORDS = 2 * WIDE;

const NAME_BITS = 4;
const HASH_CHAR = 0;
const PROVENANCE = 1;
const PROOF = 2;
const CONFIDENCE = 3;
const SHAPE = 4;
const HASH_CHARS: readonly SalvagedRecord['hashChar'][] = ['either', 'signed', 'unsigned'];
/** In the order in which they are given. */
const PROVENANCES = ['stale', 'deleted'] as const;

const SHARED = 1;
const REPLACED = 2;
const SHAPED = 4;
const WHOLE = 8;
const FREED = 16;

/* Columns of an overlay's row. */
const OTHER_OFFSET = 0;
const OTHER_WIDE = 3;
const OTHER_KEY_SIZE = 2;
const OTHER_BYTES = 3;
const OTHER_WHAT = 4;
/** Number of the next overlay plus 1; 0 if there is none. */
const OTHER_NEXT = 5;
const OTHER_WORDS = 2 * OTHER_WIDE;
const WHATS: readonly Overlay['what'][] = [...HOLDERS, 'old record', 'superseded bucket'];

/**
 * Old records, each place once. Memory: 80 bytes for each, 8 to 16 for its place, 8 for the order, and 24 for each
 * overlay, where an object for each would take 300. Records are added, sorted by their places, judged, put in the
 * order of the output, and then yielded.
 */
export class OldList implements Iterable<OldRecord> {
  /** Elements that were dropped because the list was full. */
  dropped = 0;
  /** Row numbers in order of their offsets, and after {@link rank} in the order of the output. */
  order: Uint32Array = new Uint32Array(0);
  readonly #most: number;
  readonly #rows = new Rows(WORDS);
  readonly #others = new Rows(OTHER_WORDS);
  readonly #shapes: string[] = [];
  /** Hash table of places: row number plus 1; 0 in an empty slot. */
  #slots = new Int32Array(1 << 8);

  /** @param most records that are remembered */
  constructor(most: number) {
    this.#most = most;
  }

  get length(): number {
    return this.#rows.length;
  }

  /** Adds a record. Of several elements with one place, the one that proves most counts. */
  add({ record, keyStart, proof, homeBits }: Candidate): void {
    const { offset, keySize, dataSize } = record;
    let at = this.#find(offset, keySize, dataSize);
    let row = this.#slots[at] - 1;
    if (row < 0) {
      if (this.length === this.#most) {
        this.dropped++;
        return;
      }
      if (2 * this.length >= this.#slots.length) {
        this.#grow();
        at = this.#find(offset, keySize, dataSize);
      }
      row = this.#rows.add();
      this.#slots[at] = row + 1;
    } else if (worth(proof, homeBits) <= worth(this.proofOf(row), this.homeBitsOf(row))) return;
    const { wide, words } = this.#rows;
    wide[row * WIDE + OFFSET] = wide[row * WIDE + DONE] = offset;
    wide[row * WIDE + BUCKET] = record.bucket;
    wide[row * WIDE + HOME_BITS] = homeBits;
    words[row * WORDS + KEY_SIZE] = keySize;
    words[row * WORDS + DATA_SIZE] = dataSize;
    words[row * WORDS + HASH] = record.hash;
    words[row * WORDS + ELEMENT] = record.element;
    words[row * WORDS + KEY_STARTS] = keyStart;
    words[row * WORDS + NAMES] = 0;
    this.#name(row, HASH_CHAR, HASH_CHARS.indexOf(record.hashChar));
    this.#name(row, PROVENANCE, record.provenance === 'stale' ? 0 : 1);
    this.#name(row, PROOF, PROOFS.indexOf(proof));
  }

  /**
   * Adds a record that a list of free space has as one range.
   *
   * @param bits −log2 of the probability that the range is not just this record
   */
  addFreed(candidate: Candidate, bits: number): void {
    this.add(candidate);
    const { offset, keySize, dataSize } = candidate.record;
    const row = this.#slots[this.#find(offset, keySize, dataSize)] - 1;
    if (row < 0) return;
    this.#rows.words[row * WORDS + RANGE_BITS] = bits;
    this.#rows.words[row * WORDS + MARKS] |= FREED;
  }

  /** Sorts the records by their offsets; to be called after all were added. */
  sort(size: number): void {
    const offsets = Float64Array.from({ length: this.length }, (_, row) => this.offsetOf(row));
    this.order = new OffsetSorter().orderOf(offsets, this.length, 0, size + 1);
    this.#slots = new Int32Array(0);
  }

  offsetOf(row: number): number {
    return this.#rows.wide[row * WIDE + OFFSET];
  }

  keySizeOf(row: number): number {
    return this.#rows.words[row * WORDS + KEY_SIZE];
  }

  hashOf(row: number): number {
    return this.#rows.words[row * WORDS + HASH];
  }

  homeBitsOf(row: number): number {
    return this.#rows.wide[row * WIDE + HOME_BITS];
  }

  rangeBitsOf(row: number): number {
    return this.#rows.words[row * WORDS + RANGE_BITS];
  }

  proofOf(row: number): KeyProof {
    return PROOFS[this.#nameOf(row, PROOF)];
  }

  provenanceOf(row: number): 'stale' | 'deleted' {
    return PROVENANCES[this.#nameOf(row, PROVENANCE)];
  }

  placeOf(row: number): Place {
    const dataSize = this.#rows.words[row * WORDS + DATA_SIZE];
    return { offset: this.offsetOf(row), keySize: this.keySizeOf(row), dataSize };
  }

  isShared(row: number): boolean {
    return this.#is(row, SHARED);
  }

  isReplaced(row: number): boolean {
    return this.#is(row, REPLACED);
  }

  markShared(row: number): void {
    this.#rows.words[row * WORDS + MARKS] |= SHARED;
  }

  markReplaced(row: number): void {
    this.#rows.words[row * WORDS + MARKS] |= REPLACED;
  }

  /** Returns true if exactly its bytes are listed as one free range. */
  isFreed(row: number): boolean {
    return this.#is(row, FREED);
  }

  /**
   * Marks the record that has exactly the bytes of a free range; to be called after {@link sort}. Longer records that
   * begin there are older. If a shorter one begins there, or another one of the same size, it is unclear which record
   * was freed, and none is marked.
   */
  markFreed(offset: number, length: number): void {
    let low = 0;
    let high = this.order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.offsetOf(this.order[middle]) < offset) low = middle + 1;
      else high = middle;
    }
    let found = -1;
    for (; low < this.order.length && this.offsetOf(this.order[low]) === offset; low++) {
      const row = this.order[low];
      const { keySize, dataSize } = this.placeOf(row);
      if (this.proofOf(row) === 'none' || keySize + dataSize > length) continue;
      if (found >= 0 || keySize + dataSize < length) return;
      found = row;
    }
    if (found >= 0) this.#rows.words[found * WORDS + MARKS] |= FREED;
  }

  /** Overlays of a record that are known so far. */
  writtenOver(row: number): WrittenOver {
    const { wide, words } = this.#rows;
    const by: Overlay[] = [];
    for (let n = words[row * WORDS + OVERLAY]; n > 0;) {
      const other = n - 1;
      const { wide: places, words: values } = this.#others;
      by.push({
        what: WHATS[values[other * OTHER_WORDS + OTHER_WHAT]],
        offset: places[other * OTHER_WIDE + OTHER_OFFSET],
        keySize: values[other * OTHER_WORDS + OTHER_KEY_SIZE],
        bytes: values[other * OTHER_WORDS + OTHER_BYTES],
      });
      n = values[other * OTHER_WORDS + OTHER_NEXT];
    }
    const key = words[row * WORDS + KEY_LOSS];
    return { key, value: words[row * WORDS + VALUE_LOSS], by, done: wide[row * WIDE + DONE] };
  }

  /** Stores the overlays of a record: the result of {@link writtenOver}, with more. */
  writeOver(row: number, { key, value, by, done }: WrittenOver): void {
    const { wide, words } = this.#rows;
    wide[row * WIDE + DONE] = done;
    words[row * WORDS + KEY_LOSS] = key;
    words[row * WORDS + VALUE_LOSS] = value;
    let last = -1;
    let known = 0;
    for (let n = words[row * WORDS + OVERLAY]; n > 0; known++) {
      last = n - 1;
      n = this.#others.words[last * OTHER_WORDS + OTHER_NEXT];
    }
    for (const { what, offset, keySize, bytes } of by.slice(known)) {
      const other = this.#others.add();
      const { wide: places, words: values } = this.#others;
      places[other * OTHER_WIDE + OTHER_OFFSET] = offset;
      values[other * OTHER_WORDS + OTHER_KEY_SIZE] = keySize;
      values[other * OTHER_WORDS + OTHER_BYTES] = bytes;
      values[other * OTHER_WORDS + OTHER_WHAT] = WHATS.indexOf(what);
      if (last < 0) words[row * WORDS + OVERLAY] = other + 1;
      else values[last * OTHER_WORDS + OTHER_NEXT] = other + 1;
      last = other;
    }
  }

  /** Stores the confidence and the shape of a record. */
  judge(row: number, confidence: Confidence, shape: ValueShape | undefined): void {
    this.#name(row, CONFIDENCE, CONFIDENCES.indexOf(confidence));
    if (shape === undefined) return;
    const { name, whole } = shape;
    if (!this.#shapes.includes(name)) this.#shapes.push(name);
    this.#name(row, SHAPE, this.#shapes.indexOf(name));
    this.#rows.words[row * WORDS + MARKS] |= SHAPED | (whole ? WHOLE : 0);
  }

  /**
   * Sorts the records, stale ones before deleted ones, by confidence, highest first; to be called after all were
   * judged.
   */
  rank(): void {
    const ranks = CONFIDENCES.length * PROVENANCES.length;
    const rankOf = (row: number) =>
      this.#nameOf(row, PROVENANCE) * CONFIDENCES.length + this.#nameOf(row, CONFIDENCE);
    const next = new Uint32Array(ranks + 1);
    for (const row of this.order) next[rankOf(row) + 1]++;
    for (let rank = 0; rank < ranks; rank++) next[rank + 1] += next[rank];
    const ranked = new Uint32Array(this.length);
    for (const row of this.order) ranked[next[rankOf(row)]++] = row;
    this.order = ranked;
  }

  *[Symbol.iterator](): Generator<OldRecord> {
    for (const row of this.order) yield this.#recordOf(row);
  }

  #recordOf(row: number): OldRecord {
    const { wide, words } = this.#rows;
    const { key, value, by } = this.writtenOver(row);
    const start = words[row * WORDS + KEY_STARTS];
    return {
      hash: this.hashOf(row),
      hashChar: HASH_CHARS[this.#nameOf(row, HASH_CHAR)],
      ...this.placeOf(row),
      bucket: wide[row * WIDE + BUCKET],
      element: words[row * WORDS + ELEMENT],
      provenance: this.provenanceOf(row),
      confidence: CONFIDENCES[this.#nameOf(row, CONFIDENCE)],
      overwritten: { key, value, by },
      shared: this.isShared(row),
      replaced: this.isReplaced(row),
      freed: this.isFreed(row),
      keyStart: Uint8Array.from(
        { length: Math.min(KEY_START, this.keySizeOf(row)) },
        (_, i) => start >>> (8 * i),
      ),
      shape: this.#is(row, SHAPED)
        ? { name: this.#shapes[this.#nameOf(row, SHAPE)], whole: this.#is(row, WHOLE) }
        : undefined,
    };
  }

  #is(row: number, mark: number): boolean {
    return (this.#rows.words[row * WORDS + MARKS] & mark) !== 0;
  }

  #nameOf(row: number, which: number): number {
    return (this.#rows.words[row * WORDS + NAMES] >>> (NAME_BITS * which)) & ((1 << NAME_BITS) - 1);
  }

  #name(row: number, which: number, number: number): void {
    this.#rows.words[row * WORDS + NAMES] |= number << (NAME_BITS * which);
  }

  /** Slot of a place, or the free slot for it. */
  #find(offset: number, keySize: number, dataSize: number): number {
    const { wide, words } = this.#rows;
    const mask = this.#slots.length - 1;
    let at = saltedPlace(offset, keySize, dataSize) & mask;
    for (; this.#slots[at] !== 0; at = (at + 1) & mask) {
      const row = this.#slots[at] - 1;
      if (
        wide[row * WIDE + OFFSET] === offset &&
        words[row * WORDS + KEY_SIZE] === keySize &&
        words[row * WORDS + DATA_SIZE] === dataSize
      ) {
        return at;
      }
    }
    return at;
  }

  #grow(): void {
    this.#slots = new Int32Array(2 * this.#slots.length);
    for (let row = 0; row < this.length; row++) {
      const { offset, keySize, dataSize } = this.placeOf(row);
      this.#slots[this.#find(offset, keySize, dataSize)] = row + 1;
    }
  }
}

/** Rank of a proof; `bucket` is highest, because a bucket in force has later evidence of a deletion. */
const worth = (proof: KeyProof, homeBits: number) => 100 * PROOFS.indexOf(proof) + homeBits;
