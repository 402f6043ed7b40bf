import { KEY_START } from '../format/bucket.js';

/**
 * What a builder remembers of each record until the buckets are written: 28 bytes in typed arrays, no object.
 */
export class RecordIndex {
  #count = 0;
  #hashes = new Int32Array(1024);
  #keySizes = new Int32Array(1024);
  #dataSizes = new Int32Array(1024);
  #offsets = new Float64Array(1024);
  #keyStarts = new Uint8Array(4096);
  #digests = new Int32Array(1024);

  get count(): number {
    return this.#count;
  }

  /**
   * @param bytes hold the key's first bytes at `at`
   * @param digest a second hash of the key, to tell most keys of one hash apart without reading them
   */
  add(
    hash: number,
    offset: number,
    keySize: number,
    dataSize: number,
    bytes: Uint8Array,
    at: number,
    digest: number,
  ): void {
    const i = this.#count;
    if (i === this.#hashes.length) this.#grow();
    this.#hashes[i] = hash;
    this.#offsets[i] = offset;
    this.#keySizes[i] = keySize;
    this.#dataSizes[i] = dataSize;
    for (let n = 0; n < KEY_START && n < keySize; n++) this.#keyStarts[i * KEY_START + n] = bytes[at + n];
    this.#digests[i] = digest;
    this.#count++;
  }

  hash(i: number): number {
    return this.#hashes[i];
  }

  /** File offset of the record in the fresh file. */
  offset(i: number): number {
    return this.#offsets[i];
  }

  keySize(i: number): number {
    return this.#keySizes[i];
  }

  dataSize(i: number): number {
    return this.#dataSizes[i];
  }

  /** Whether two keys may be the same. */
  maySameKey(a: number, b: number): boolean {
    return this.#digests[a] === this.#digests[b] && this.#keySizes[a] === this.#keySizes[b];
  }

  /** Four bytes, zero past the key's end. */
  keyStart(i: number): Uint8Array {
    return this.#keyStarts.subarray(i * 4, i * 4 + 4);
  }

  /** Record numbers in order of their hashes; of equal hashes the earlier record first. */
  orderByHash(): Uint32Array {
    // A radix sort in three passes of 11 bits: stable, and linear in the number of records. The hashes go along, as
    // looking each up by its number would be a look at another part of memory.
    const count = this.#count;
    let order = new Uint32Array(count);
    let hashes = this.#hashes.slice(0, count);
    let nextOrder = new Uint32Array(count);
    let nextHashes = new Int32Array(count);
    for (let i = 0; i < count; i++) order[i] = i;
    const starts = new Uint32Array(2049);
    for (const shift of [0, 11, 22]) {
      starts.fill(0);
      for (let n = 0; n < count; n++) starts[((hashes[n] >>> shift) & 2047) + 1]++;
      for (let d = 0; d < 2048; d++) starts[d + 1] += starts[d];
      for (let n = 0; n < count; n++) {
        const hash = hashes[n];
        const at = starts[(hash >>> shift) & 2047]++;
        nextOrder[at] = order[n];
        nextHashes[at] = hash;
      }
      [order, nextOrder] = [nextOrder, order];
      [hashes, nextHashes] = [nextHashes, hashes];
    }
    return order;
  }

  #grow(): void {
    const capacity = this.#count * 2;
    const grown = <T extends Int32Array | Float64Array | Uint8Array>(bigger: T, old: T): T => {
      bigger.set(old);
      return bigger;
    };
    this.#hashes = grown(new Int32Array(capacity), this.#hashes);
    this.#keySizes = grown(new Int32Array(capacity), this.#keySizes);
    this.#dataSizes = grown(new Int32Array(capacity), this.#dataSizes);
    this.#offsets = grown(new Float64Array(capacity), this.#offsets);
    this.#digests = grown(new Int32Array(capacity), this.#digests);
    this.#keyStarts = grown(new Uint8Array(capacity * 4), this.#keyStarts);
  }
}
