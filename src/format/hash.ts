import { viewOf } from './struct.js';

/** A hash has 31 bits; −1 marks a free element. */
export const HASH_BITS = 31;
/** Hashes are below this. */
export const HASH_RANGE = 2 ** HASH_BITS;
/** The hash value of a free element. */
export const FREE_HASH = -1;

/**
 * The sign of a `char` of the writing machine's C compiler: `signed` on x86, `unsigned` on ARM, POWER and s390x.
 * Keys with a byte of 0x80 or more hash differently (measured: a file written on arm64 opens on amd64, and
 * lookups of such keys answer "Item not found").
 */
export type HashChar = 'signed' | 'unsigned';

/** The hash of a key. */
export function hashKey(key: Uint8Array, hashChar: HashChar): number {
  return hashed(key).hash(hashChar);
}

/** The factor of the last step: the sum of a key's bytes is multiplied by it. */
const HASH_FACTOR = 1103515243;
/** Its inverse modulo 2³¹. */
const HASH_INVERSE = inverse(HASH_FACTOR);

/** The inverse of an odd number modulo 2³². */
function inverse(odd: number): number {
  let found = odd;
  // Each step doubles the bits that are right, of which there are three at first.
  for (let bits = 3; bits < 32; bits *= 2) found = Math.imul(found, 2 - Math.imul(odd, found));
  return found;
}

/**
 * True if changing a single byte of a key, at index `from` or behind it, can give the hash `other`.
 *
 * @param hash the key's own
 */
export function isByteChange(
  key: Uint8Array,
  from: number,
  hash: number,
  other: number,
  hashChar: HashChar,
): boolean {
  if (other < 0) return false;
  const ignored = hashChar === 'signed' ? 24 : 0;
  const [least, most] = hashChar === 'signed' ? [-0x80, 0x7f] : [0, 0xff];
  const sum = Math.imul(HASH_INVERSE, other - hash) & 0x7fffffff;
  for (let i = from; i < key.length; i++) {
    const shift = (i * 5) % 24;
    if ((sum & ((1 << shift) - 1)) !== 0) continue;
    const byte = (key[i] << ignored) >> ignored;
    // The byte's difference, which counts in as many bits as the shift leaves: as it is, or below 0.
    const up = byte + (sum >>> shift);
    const down = up - 2 ** (HASH_BITS - shift);
    if (up <= most || down >= least) return true;
  }
  return false;
}

/** The sum that a key of so many bytes begins with. */
function hashStart(length: number): number {
  return Math.imul(0x238f13af, length);
}

/** The hash that a sum gives, of which only the low 31 bits count. */
function hashFinish(sum: number): number {
  return (Math.imul(HASH_FACTOR, sum) + 12345) & 0x7fffffff;
}

/**
 * Factors of the digest: odd, and others in each process. Otherwise a file could be made of keys that have the same hash and the
 * same digest, which would have to be compared each with each. With one factor alone, two changes could undo each other.
 */
const DIGEST_FACTOR = Math.floor(Math.random() * 2 ** 32) | 1;
const DIGEST_SECOND = Math.floor(Math.random() * 2 ** 32) | 1;

/**
 * Both hashes of a key, and a digest of another kind that tells keys of one hash apart. One hasher serves for many keys: nothing is
 * allocated for each.
 */
export class KeyHasher {
  /** True if the hash is the same on every machine: no byte is 0x80 or more. */
  portable = true;
  /** Equal for equal keys of one process; keys in pieces have the same one if every piece but the last has a multiple of four bytes. */
  digest = 0;
  #sum = 0;
  /** The part of the sum that comes from the highest bits of bytes. */
  #highBits = 0;
  /** The shift of the next byte. */
  #shift = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #view = viewOf(this.#bytes);

  /** @param length bytes of a key that comes in pieces, see {@link update} */
  constructor(length = 0) {
    this.#begin(length);
  }

  /** Hashes the key of `size` bytes at `place`. */
  take(view: DataView, place: number, size: number): void {
    this.#begin(size);
    this.#add(view, place, place + size);
  }

  /** Hashes the key at `from` to before `to`. */
  takeBytes(bytes: Uint8Array, from: number, to: number): this {
    // To make a view takes longer than to hash a short key.
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = viewOf(bytes);
    }
    this.take(this.#view, from, to - from);
    return this;
  }

  /** Takes the next bytes of the key. */
  update(bytes: Uint8Array): this {
    this.#add(viewOf(bytes), 0, bytes.length);
    return this;
  }

  /** The hash where a char is unsigned. */
  get unsigned(): number {
    return hashFinish(this.#sum);
  }

  /** The hash where a char is signed: there a byte of 0x80 or more is 256 less. */
  get signed(): number {
    return hashFinish((this.#sum - (this.#highBits << 1)) | 0);
  }

  hash(hashChar: HashChar): number {
    return hashChar === 'signed' ? this.signed : this.unsigned;
  }

  #begin(length: number): void {
    this.portable = true;
    this.digest = length;
    this.#sum = hashStart(length);
    this.#highBits = 0;
    this.#shift = 0;
  }

  /** Four bytes at a time, which takes half as long as one at a time. */
  #add(view: DataView, from: number, to: number): void {
    // A variable of this function is a register; one of the module is looked up each time.
    const factor = DIGEST_FACTOR;
    const other = DIGEST_SECOND;
    let { digest } = this;
    let sum = this.#sum;
    let shift = this.#shift;
    let all = 0;
    let at = from;
    for (; at + 4 <= to; at += 4) {
      const word = view.getInt32(at, true);
      all |= word;
      digest = Math.imul(digest ^ word, factor);
      digest = Math.imul(digest ^ (digest >>> 15), other);
      const second = nextShift(shift);
      const third = nextShift(second);
      const fourth = nextShift(third);
      sum = (sum + ((word & 0xff) << shift)) | 0;
      sum = (sum + (((word >>> 8) & 0xff) << second)) | 0;
      sum = (sum + (((word >>> 16) & 0xff) << third)) | 0;
      sum = (sum + ((word >>> 24) << fourth)) | 0;
      shift = nextShift(fourth);
    }
    for (; at < to; at++) {
      const byte = view.getUint8(at);
      all |= byte;
      digest = Math.imul(digest ^ byte, factor);
      sum = (sum + (byte << shift)) | 0;
      shift = nextShift(shift);
    }
    if ((all & 0x80808080) !== 0) {
      this.portable = false;
      this.#addHighBits(view, from, to);
    }
    this.digest = digest;
    this.#sum = sum;
    this.#shift = shift;
  }

  #addHighBits(view: DataView, from: number, to: number): void {
    let sum = this.#highBits;
    let shift = this.#shift;
    for (let at = from; at < to; at++) {
      sum = (sum + ((view.getUint8(at) & 0x80) << shift)) | 0;
      shift = nextShift(shift);
    }
    this.#highBits = sum;
  }
}

/** The shift of the byte behind one with this shift: a byte at index i is shifted by 5 i modulo 24. */
function nextShift(shift: number): number {
  return shift >= 19 ? shift - 19 : shift + 5;
}

const HASHER = new KeyHasher();
/** Keys up to its size are copied there, because to make a view of each takes longer than to hash it. */
const SCRATCH = new DataView(new ArrayBuffer(256));
const SCRATCH_BYTES = new Uint8Array(SCRATCH.buffer);

function hashed(key: Uint8Array): KeyHasher {
  if (key.length > SCRATCH_BYTES.length) return new KeyHasher(key.length).update(key);
  SCRATCH_BYTES.set(key);
  HASHER.take(SCRATCH, 0, key.length);
  return HASHER;
}

/** The digest of a whole key, see {@link KeyHasher.digest}. */
export function digestOf(key: Uint8Array): number {
  return hashed(key).digest;
}

/** True if a key hashes the same on every machine: no byte is 0x80 or more. */
export function isPortableKey(key: Uint8Array): boolean {
  return hashed(key).portable;
}
