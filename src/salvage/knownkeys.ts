/** Bytes of keys that are held by default. */
const MAX_BYTES = 256 << 20;
/** With more bytes four times the room is taken at once, or the bound: pages that are not written take no memory. */
const MANY_BYTES = 8 << 20;
/** Bytes before a key that hold its size: one, or with four more for a long key. */
const SIZE_BYTES = 1;
const LONG_SIZE_BYTES = 5;
const LONG = 255;

/**
 * Known keys, to be recognised directly before a value. Their hash grows by one byte at a time backwards from the
 * value, so that a search costs no more than the bytes it goes over, whatever the keys. Memory: the keys' bytes, up
 * to a bound, and 6 to 12 bytes for each.
 */
export class KnownKeys {
  /** Keys that are held, each once. */
  count = 0;
  /** Keys that the bound left no room for. */
  dropped = 0;
  /** Bytes of the longest key. */
  longest = 0;

  // Random, so that nobody can write keys into a file that all have the same hash.
  readonly #multiplier = Math.floor(Math.random() * 2 ** 31) | 1;
  /** The keys one behind the other, each behind its size. */
  #bytes = new Uint8Array(1024);
  #used = 0;
  /** Bytes of the keys alone. */
  #held = 0;
  /** The index of a key and 1, by its hash: open addressing; a power of two. */
  #slots = new Int32Array(512);
  #lengths = new Uint8Array(64);

  readonly #maxBytes: number;

  constructor(keys: Iterable<Uint8Array>, { maxBytes = MAX_BYTES }: { maxBytes?: number } = {}) {
    this.#maxBytes = maxBytes;
    for (const key of keys) this.add(key);
  }

  /** Adds a key; its bytes are copied. */
  add(key: Uint8Array): void {
    // An empty key stands before every value.
    if (key.length === 0) return;
    if (this.#held + key.length > this.#maxBytes) this.dropped++;
    else if (!this.#has(key)) this.#add(key);
  }

  /** Bytes of the longest known key that ends directly before index `at` of `bytes`; undefined if none does. */
  longestEndingAt(bytes: Uint8Array, at: number): number | undefined {
    const most = Math.min(at, this.longest);
    const found: number[] = [];
    for (let length = 1, hash = 0; length <= most; length++) {
      hash = this.#step(hash, bytes[at - length]);
      if (this.#lengths[length] === 1 && this.#slots[this.#slotOf(hash, length)] !== 0) found.push(length);
    }
    // The bytes of the longest are compared first; a shorter one follows only where hashes collide.
    for (let length = found.pop(); length !== undefined; length = found.pop()) {
      if (this.#has(bytes.subarray(at - length, at))) return length;
    }
    return undefined;
  }

  #add(key: Uint8Array): void {
    const { length } = key;
    // At most three slots in four are used.
    if (4 * (this.count + 1) > 3 * this.#slots.length) this.#rehash(2 * this.#slots.length);
    const start = this.#used;
    this.#used += sizeBytes(length) + length;
    if (this.#used > this.#bytes.length) this.#grow();
    const bytes = this.#bytes;
    if (length < LONG) bytes[start] = length;
    else {
      bytes[start] = LONG;
      for (let n = 0; n < 4; n++) bytes[start + 1 + n] = length >>> (8 * n);
    }
    bytes.set(key, start + sizeBytes(length));
    if (length >= this.#lengths.length) {
      const lengths = new Uint8Array(2 * length);
      lengths.set(this.#lengths);
      this.#lengths = lengths;
    }
    this.#lengths[length] = 1;
    this.longest = Math.max(this.longest, length);
    this.#held += length;
    this.count++;
    this.#place(start);
  }

  #grow(): void {
    const most = Math.ceil((this.#maxBytes * 9) / 8);
    const twice = Math.max(2 * this.#bytes.length, this.#used);
    const bytes = new Uint8Array(twice > MANY_BYTES ? Math.max(twice, Math.min(most, 4 * twice)) : twice);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }

  #rehash(size: number): void {
    this.#slots = new Int32Array(size);
    for (let start = 0, n = 0; n < this.count; n++) {
      const size = this.#sizeAt(start);
      this.#place(start);
      start += sizeBytes(size) + size;
    }
  }

  #place(start: number): void {
    const key = this.#key(start);
    let slot = this.#slotOf(this.#hash(key), key.length);
    while (this.#slots[slot] !== 0) slot = (slot + 1) & (this.#slots.length - 1);
    this.#slots[slot] = start + 1;
  }

  #has(key: Uint8Array): boolean {
    let slot = this.#slotOf(this.#hash(key), key.length);
    for (; this.#slots[slot] !== 0; slot = (slot + 1) & (this.#slots.length - 1)) {
      if (this.#equals(this.#slots[slot] - 1, key)) return true;
    }
    return false;
  }

  #equals(start: number, key: Uint8Array): boolean {
    if (this.#sizeAt(start) !== key.length) return false;
    const from = start + sizeBytes(key.length);
    for (let k = key.length - 1; k >= 0; k--) if (this.#bytes[from + k] !== key[k]) return false;
    return true;
  }

  #sizeAt(start: number): number {
    const bytes = this.#bytes;
    if (bytes[start] < LONG) return bytes[start];
    return bytes[start + 1] | (bytes[start + 2] << 8) | (bytes[start + 3] << 16) | (bytes[start + 4] << 24);
  }

  #key(start: number): Uint8Array {
    const size = this.#sizeAt(start);
    return this.#bytes.subarray(start + sizeBytes(size), start + sizeBytes(size) + size);
  }

  #hash(key: Uint8Array): number {
    let hash = 0;
    for (let k = key.length - 1; k >= 0; k--) hash = this.#step(hash, key[k]);
    return hash;
  }

  #step(hash: number, byte: number): number {
    const next = Math.imul(hash ^ (byte + 1), this.#multiplier);
    return next ^ (next >>> 15);
  }

  #slotOf(hash: number, length: number): number {
    const mixed = Math.imul(hash ^ length, 0x9e3779b1);
    return (mixed ^ (mixed >>> 16)) & (this.#slots.length - 1);
  }
}

/** Bytes before a key that hold its size. */
function sizeBytes(length: number): number {
  return length < LONG ? SIZE_BYTES : LONG_SIZE_BYTES;
}
