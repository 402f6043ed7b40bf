import { NumberList } from '../columns/numberlist.js';
import { OffsetList } from '../columns/offsetlist.js';
import type { RecordPlace } from '../salvage/read.js';
import { firstAfter } from '../source/ranges.js';

/** Places of records, found by their hashes. Memory: 28 bytes for each. */
export class RecordsByHash {
  readonly #added = new NumberList();
  readonly #offsets = new OffsetList();
  /** Of each its key's and its value's. */
  readonly #sizes = new NumberList();
  #hashes = new Float64Array(0);
  #order = new Uint32Array(0);

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

  #sort(): void {
    const added = this.#added;
    this.#order = Uint32Array.from({ length: added.length }, (_, n) => n);
    this.#order.sort((a, b) => added.at(a) - added.at(b) || a - b);
    this.#hashes = Float64Array.from(this.#order, (n) => added.at(n));
  }
}
