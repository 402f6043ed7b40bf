import { NumberList, NumberSet, OffsetList, firstAfter } from '../numbers.js';
import type { RecordPlace } from '../salvage/read.js';

/** Places of records, found by their hashes. Memory: 28 bytes for each, 32 where digests are needed. */
export class RecordsByHash {
  readonly #added = new NumberList();
  readonly #offsets = new OffsetList();
  /** Of each its key's and its value's. */
  readonly #sizes = new NumberList();
  #hashes = new Float64Array(0);
  #order = new Uint32Array(0);
  /** Second hashes of their keys, in the same order; of those of one hash in order of themselves. */
  #digests = new Int32Array(0);
  /** Where those of one hash begin that have them. */
  readonly #digested = new NumberSet();

  /** Nothing may be added any more once it was asked. */
  add(hash: number, { offset, keySize, dataSize }: RecordPlace): void {
    this.#added.push(hash);
    this.#offsets.push(offset);
    this.#sizes.push(keySize);
    this.#sizes.push(dataSize);
  }

  /** Those with a hash: from the first number to before the second. */
  withHash(hash: number): [from: number, to: number] {
    if (this.#order.length < this.#added.length) this.#sort();
    return [firstAfter(this.#hashes, hash - 1), firstAfter(this.#hashes, hash)];
  }

  at(n: number): RecordPlace {
    const i = this.#order[n];
    return {
      offset: this.#offsets.at(i),
      keySize: this.#sizes.at(2 * i),
      dataSize: this.#sizes.at(2 * i + 1),
    };
  }

  /**
   * Those of one hash whose key has a digest: from the first number to before the second.
   *
   * @param digestOf is asked for each of the hash, once
   */
  async withDigest(
    from: number,
    to: number,
    digest: number,
    digestOf: (place: RecordPlace) => Promise<number>,
  ): Promise<[from: number, to: number]> {
    if (!this.#digested.has(from)) await this.#digest(from, to, digestOf);
    const digests = this.#digests.subarray(from, to);
    return [from + firstAfter(digests, digest - 1), from + firstAfter(digests, digest)];
  }

  async #digest(from: number, to: number, digestOf: (place: RecordPlace) => Promise<number>): Promise<void> {
    if (this.#digests.length === 0) this.#digests = new Int32Array(this.#order.length);
    const own = new Int32Array(to - from);
    for (let n = from; n < to; n++) own[n - from] = await digestOf(this.at(n));
    const order = Uint32Array.from(own.keys()).sort((a, b) => own[a] - own[b]);
    const records = this.#order.slice(from, to);
    for (const [n, one] of order.entries()) {
      this.#order[from + n] = records[one];
      this.#digests[from + n] = own[one];
    }
    this.#digested.add(from);
  }

  #sort(): void {
    const added = this.#added;
    this.#order = Uint32Array.from({ length: added.length }, (_, n) => n);
    this.#order.sort((a, b) => added.at(a) - added.at(b) || a - b);
    this.#hashes = Float64Array.from(this.#order, (n) => added.at(n));
  }
}
