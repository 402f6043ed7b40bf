import { equalBytes } from '../format/bytes.js';
import { FREE_HASH } from '../format/hash.js';
import { salted } from '../numbers.js';
import type { Source } from '../source/source.js';
import type { InForcePart } from './inforcepart.js';
import type { OldList } from './oldlist.js';

/** Bytes of keys that are compared, for each byte of the file. */
const READ_BUDGET = 2;

/** Finds old records whose key is in force at another place. Memory: 8 to 12 bytes for each. */
export class ReplacedKeys {
  readonly #source: Source;
  readonly #old: OldList;
  /** First record of each chain by hash, as its row number plus 1; 0 if there is none. */
  readonly #heads: Int32Array;
  /** Next record of the same chain, as its row number plus 1; 0 if there is none. */
  readonly #nexts: Int32Array;
  #budget: number;

  constructor(source: Source, old: OldList) {
    this.#source = source;
    this.#old = old;
    this.#budget = READ_BUDGET * source.size;
    this.#heads = new Int32Array(2 ** Math.ceil(Math.log2(2 * old.length + 1)));
    this.#nexts = new Int32Array(old.length);
    // Backwards, so that each chain keeps the order of the list.
    for (let n = old.length - 1; n >= 0; n--) {
      const row = old.order[n];
      if (old.proofOf(row) === 'none') continue;
      const head = this.#headOf(old.hashOf(row));
      this.#nexts[row] = this.#heads[head];
      this.#heads[head] = row + 1;
    }
  }

  /** Compares the keys of a part's records with those of old ones with the same hash. */
  async mark(part: InForcePart): Promise<void> {
    const old = this.#old;
    for (let i = 0; i < part.count; i++) {
      const hash = part.hashAt(i);
      if (hash <= FREE_HASH) continue;
      if (this.#budget < 0) return;
      for (let row = this.#heads[this.#headOf(hash)] - 1; row >= 0; row = this.#nexts[row] - 1) {
        if (old.hashOf(row) !== hash) continue;
        const { offset, keySize } = part.at(i);
        // Each step counts, because all records may have one hash.
        this.#budget -= keySize + 1;
        if (this.#budget < 0) return;
        if (old.isReplaced(row) || old.keySizeOf(row) !== keySize) continue;
        if (await this.#isSame(offset, old.offsetOf(row), keySize)) old.markReplaced(row);
      }
    }
  }

  #headOf(hash: number): number {
    return salted(hash) & (this.#heads.length - 1);
  }

  async #isSame(a: number, b: number, size: number): Promise<boolean> {
    return equalBytes(await this.#source.read(a, size), await this.#source.read(b, size));
  }
}
