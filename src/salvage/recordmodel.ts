import type { Place } from './overwritten.js';
import { weights } from '../weights.js';

/*
 * Division of a range of bytes into a key and the value behind it, told by the records of the same database.
 *
 * 1. Learn from a sample of records: how often each byte of a key follows the two before it, where keys end, how values
 *    begin, and the sizes of both.
 * 2. For each size that the key may have, add up how many bits it takes to say the range so: the key's bytes and its end,
 *    the value's first bytes, both sizes.
 * 3. Beside these stand the explanations in which no record begins with the range: it was cut at its beginning, so that it is
 *    the end of a value, or the end of a key with its value; nothing was ever written there, and all of it is zeroes;
 *    or it is a piece of a structure, of any bytes.
 * 4. An explanation of n bits has the weight 2^-n; its probability is its share of all weights.
 *
 * The bytes far behind the key take as many bits in every explanation, so they are not looked at.
 */

/** Longest key that is learned or looked for, in bytes. */
const MAX_KEY = 1024;
/** Bytes of a value that are learned. */
export const VALUE_BYTES = 32;
/** Bytes behind the longest key that is looked for. */
const VALUE_START = 2;

/** A division of a range. */
export interface Division {
  /** Bytes of the key, which begins with the range; the value is the rest. */
  readonly keySize: number;
  /** −log2 of the probability that this is wrong; at most 60. */
  readonly certainty: number;
}

/** The bucket that lists a range as free: keys whose records it freed have a hash of its own range. */
export interface ListingBucket {
  /** Bits that the hashes of all its keys have in common: another key has them by a chance of 2^-hashBits. */
  readonly hashBits: number;
  /** Tells whether the first `keySize` bytes of the range are a key of this bucket. */
  readonly isOwn: (keySize: number) => boolean;
}

/** The records of a database as far as they tell where a key ends and its value begins. */
export class RecordModel {
  readonly #keys = new ByteModel();
  readonly #values = new ByteModel();
  readonly #keySizes = new SizeModel();
  readonly #valueSizes = new SizeModel();
  #count = 0;
  #longest = 0;
  /** Bytes of all records. */
  #bytes = 0;

  /** Learns a record from its key and the first bytes of its value, up to {@link VALUE_BYTES}. */
  learn(key: Uint8Array, valueStart: Uint8Array, valueSize: number): void {
    if (key.length > MAX_KEY) return;
    this.#keys.learn(key);
    this.#keys.learnEnd(key);
    this.#values.learn(valueStart);
    this.#keySizes.learn(key.length);
    this.#valueSizes.learn(valueSize);
    this.#count++;
    this.#longest = Math.max(this.#longest, key.length);
    this.#bytes += key.length + valueSize;
  }

  /** Bytes at the beginning of a range that {@link divide} looks at; 0 if too little was learned. */
  get headSize(): number {
    return this.#count < weights.old.leastLearned
      ? 0
      : Math.min(MAX_KEY, Math.ceil(1.5 * this.#longest) + 8) + VALUE_START;
  }

  /**
   * Finds the most probable division of a range; undefined if it is more probable that no record begins there.
   *
   * @param head the first {@link headSize} bytes of the range, or all of it
   * @param size bytes of the range
   */
  divide(head: Uint8Array, size: number, bucket?: ListingBucket): Division | undefined {
    const keys = this.#keys;
    const last = Math.min(size, this.headSize - VALUE_START, head.length);
    const valueBits = this.#valueBits(head);

    const records = new Float64Array(last + 1);
    for (let k = 0, bits = 0; k <= last; k++) {
      if (k > 0) bits += keys.bits(head, 0, k - 1, START);
      const sizes = this.#keySizes.bits(k) + this.#valueSizes.bits(size - k);
      records[k] = bits + keys.endBits(head, 0, k, START) + valueBits[k] + sizes;
    }
    // A bit, as as many ranges are cut as are not; and the place of the cut, which may be before any byte of a record.
    const anyCut = 1 + Math.log2(this.#bytes / this.#count + 2);
    const cuts = new Float64Array(last + 1);
    cuts[0] = anyCut + this.#insideBits(head);
    for (let k = 1, bits = 0; k <= last; k++) {
      bits += keys.bits(head, 0, k - 1, UNKNOWN);
      cuts[k] =
        anyCut + bits + keys.endBits(head, 0, k, UNKNOWN) + valueBits[k] + this.#valueSizes.bits(size - k);
    }
    if (bucket !== undefined) {
      const best = Math.min(records.reduce(lower), cuts.reduce(lower));
      for (let k = 0; k <= last; k++) {
        if (records[k] < best + weights.old.hashedWithin)
          records[k] += bucket.isOwn(k) ? -bucket.hashBits : weights.old.foreignBits;
      }
    }
    const structure = weights.old.structureBits + 8 * head.length;
    return mostProbable(records, [...cuts, structure]);
  }

  /** Bits of all bytes from each index on, if a value begins there. */
  #valueBits(head: Uint8Array): Float64Array {
    const values = this.#values;
    const found = new Float64Array(head.length + 1);
    /** Bits of the bytes behind the next two, as the inside of a value. */
    let rest = 0;
    for (let k = head.length - 1; k >= 0; k--) {
      if (k + 2 < head.length) rest += values.bits(head, 0, k + 2, UNKNOWN);
      const second = k + 1 < head.length ? values.bits(head, k, k + 1, START) : 0;
      found[k] = values.bits(head, k, k, START) + second + rest;
    }
    return found;
  }

  /** Bits of all bytes as the inside of a value. */
  #insideBits(head: Uint8Array): number {
    let bits = 0;
    for (let i = 0; i < head.length; i++) bits += this.#values.bits(head, 0, i, UNKNOWN);
    return bits;
  }
}

const lower = (a: number, b: number) => Math.min(a, b);

function mostProbable(records: Float64Array, others: readonly number[]): Division | undefined {
  const keySize = records.indexOf(records.reduce(lower));
  const best = records[keySize];
  const weigh = (sum: number, bits: number) => sum + 2 ** (best - bits);
  const record = records.reduce(weigh, 0);
  const none = others.reduce(weigh, 0);
  if (none > record) return undefined;
  // The best one itself weighs 1.
  const wrong = record - 1 + none;
  return { keySize, certainty: Math.min(60, Math.log2((1 + wrong) / wrong)) };
}

/** Marks the place before the first byte of a key or value. */
const START = 256;
/** Marks the place before a piece whose beginning is not there. */
const UNKNOWN = 257;
/** Stands behind the last byte of a key. */
const END = 258;
const SYMBOLS = 259;
/** Probability of a byte of which nothing is known: one of 256, or the end. */
const ANY_BYTE = 1 / 257;

/** Bits that are remembered. */
const KNOWN = 1 << 16;

/** The symbols that followed a context: how many in all, and how often each. */
interface Follow {
  total: number;
  readonly counts: Map<number, number>;
}

/**
 * Counts of bytes by the two, the one, and no byte before them. The probability of a byte is blended from all three: what was
 * never seen behind two bytes may be known behind one.
 */
class ByteModel {
  readonly #follows = new Map<number, Follow>();
  /** Bits that were asked for before. */
  readonly #known = new Map<number, number>();

  learn(text: Uint8Array): void {
    for (let i = 0; i < text.length; i++) this.#learn(text, i, text[i]);
  }

  learnEnd(text: Uint8Array): void {
    this.#learn(text, text.length, END);
  }

  /** Bits of the byte at an index of a text that begins at `from`. @param edge stands before it: START or UNKNOWN */
  bits(bytes: Uint8Array, from: number, at: number, edge: number): number {
    return this.#bits(bytes, from, at, edge, bytes[at]);
  }

  /** Bits of the end of a text before index `at`. */
  endBits(bytes: Uint8Array, from: number, at: number, edge: number): number {
    return this.#bits(bytes, from, at, edge, END);
  }

  #learn(text: Uint8Array, at: number, symbol: number): void {
    const [second, last] = [at > 1 ? text[at - 2] : START, at > 0 ? text[at - 1] : START];
    this.#known.clear();
    const contexts = [0, contextOf(last), contextOf(second, last)];
    // The same byte as the first and as the second one of a piece.
    if (at > 0) contexts.push(contextOf(UNKNOWN), contextOf(UNKNOWN, UNKNOWN));
    if (at > 1) contexts.push(contextOf(UNKNOWN, last));
    for (const context of contexts) {
      let follow = this.#follows.get(context);
      if (follow === undefined) this.#follows.set(context, (follow = { total: 0, counts: new Map() }));
      follow.total++;
      follow.counts.set(symbol, (follow.counts.get(symbol) ?? 0) + 1);
    }
  }

  #bits(bytes: Uint8Array, from: number, at: number, edge: number, symbol: number): number {
    const second = at - 2 >= from ? bytes[at - 2] : edge;
    const last = at - 1 >= from ? bytes[at - 1] : edge;
    const name = contextOf(second, last) * SYMBOLS + symbol;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const alone = this.#blend(0, symbol, ANY_BYTE);
    const bits = -Math.log2(
      this.#blend(contextOf(second, last), symbol, this.#blend(contextOf(last), symbol, alone)),
    );
    if (this.#known.size < KNOWN) this.#known.set(name, bits);
    return bits;
  }

  /** Blends what is known behind a context with what is known without it, by how often something new came there. */
  #blend(context: number, symbol: number, without: number): number {
    const follow = this.#follows.get(context);
    if (follow === undefined) return without;
    const { total, counts } = follow;
    return ((counts.get(symbol) ?? 0) + counts.size * without) / (total + counts.size);
  }
}

/** The number of a context of one symbol, or of two. */
function contextOf(first: number, second?: number): number {
  return second === undefined ? 1 + first : (1 + first) * SYMBOLS + 1 + second;
}

/** Counts of sizes: of each by itself, and of those with the same number of binary digits. */
class SizeModel {
  readonly #counts = new Map<number, number>();
  readonly #digits = new Int32Array(33);
  #total = 0;

  learn(size: number): void {
    this.#counts.set(size, (this.#counts.get(size) ?? 0) + 1);
    this.#digits[digitsOf(size)]++;
    this.#total++;
  }

  bits(size: number): number {
    const digits = digitsOf(size);
    const sizes = 2 ** Math.max(0, digits - 1);
    const exact = (this.#counts.get(size) ?? 0) / this.#total;
    const alike = (this.#digits[digits] + 0.5) / (this.#total + 16) / sizes;
    return -Math.log2((exact + alike) / 2);
  }
}

function digitsOf(size: number): number {
  return 32 - Math.clz32(size);
}

/** Records of a sample, at most. */
const MOST = 1024;

/** An even sample of a stream of records whose number is not known: every one, then every second, every fourth, and so on. */
export class RecordSample {
  #places: Place[] = [];
  #step = 1;
  #count = 0;

  get places(): readonly Place[] {
    return this.#places;
  }

  add(offset: number, keySize: number, dataSize: number): void {
    if (this.#count++ % this.#step !== 0) return;
    if (this.#places.length === MOST) {
      this.#places = this.#places.filter((_, i) => i % 2 === 0);
      this.#step *= 2;
      if ((this.#count - 1) % this.#step !== 0) return;
    }
    this.#places.push({ offset, keySize, dataSize });
  }
}
