import type { LooseElements } from './prove.js';

/** Growing list of places at which an element may stand, with the fields it would have: 28 bytes for each. */
export class CandidateList implements LooseElements {
  length = 0;
  at = new Float64Array(256);
  hashes = new Int32Array(256);
  offsets = new Float64Array(256);
  sizes = new Int32Array(256);
  starts = new Uint32Array(256);

  /** @param start the first four bytes of the key, the first one in the most significant byte */
  push(at: number, hash: number, offset: number, size: number, start: number): void {
    const n = this.length++;
    if (n === this.at.length) this.#grow();
    this.at[n] = at;
    this.hashes[n] = hash;
    this.offsets[n] = offset;
    this.sizes[n] = size;
    this.starts[n] = start;
  }

  /** Returns a part of the list as a view, not a copy. */
  part(from: number, to: number): LooseElements {
    const end = Math.min(to, this.length);
    return {
      length: end - from,
      at: this.at.subarray(from, end),
      hashes: this.hashes.subarray(from, end),
      offsets: this.offsets.subarray(from, end),
      sizes: this.sizes.subarray(from, end),
      starts: this.starts.subarray(from, end),
    };
  }

  /** Adds all places of another list. */
  append({ length, at, hashes, offsets, sizes, starts }: LooseElements): void {
    for (let n = 0; n < length; n++) this.push(at[n], hashes[n], offsets[n], sizes[n], starts[n]);
  }

  clear(): void {
    this.length = 0;
  }

  #grow(): void {
    const larger = <T extends Float64Array | Int32Array | Uint32Array>(list: T, fresh: T): T => {
      fresh.set(list);
      return fresh;
    };
    const room = 2 * this.at.length;
    this.at = larger(this.at, new Float64Array(room));
    this.hashes = larger(this.hashes, new Int32Array(room));
    this.offsets = larger(this.offsets, new Float64Array(room));
    this.sizes = larger(this.sizes, new Int32Array(room));
    this.starts = larger(this.starts, new Uint32Array(room));
  }
}
