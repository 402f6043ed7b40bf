import { viewOf } from './struct.js';

/** A hash has 31 bits; −1 marks a free element. */
export const HASH_BITS = 31;
/** Hashes are below this. */
export const HASH_RANGE = 2 ** HASH_BITS;
/** The hash value of a free element. */
export const FREE_HASH = -1;

/**
 * How the writing machine's C compiler reads a `char`: `signed` on x86, `unsigned` on ARM, POWER and s390x.
 * Keys with a byte of 0x80 or more hash differently (measured: a file written on arm64 opens on amd64, and
 * lookups of such keys answer "Item not found").
 */
export type HashChar = 'signed' | 'unsigned';

/** The hash of a key. */
export function hashKey(key: Uint8Array, hashChar: HashChar): number {
  const ignored = hashChar === 'signed' ? 24 : 0;
  let sum = hashStart(key.length);
  let shift = 0;
  for (let i = 0; i < key.length; i++) {
    sum = (sum + (((key[i] << ignored) >> ignored) << shift)) | 0;
    shift = shift >= 19 ? shift - 19 : shift + 5;
  }
  return hashFinish(sum);
}

/** What the sum of a key's bytes is multiplied with. */
const HASH_FACTOR = 1103515243;
/** Its inverse: the product of both is 1, of 31 bits. */
const HASH_INVERSE = inverse(HASH_FACTOR);

/** The number whose product with an odd one is 1, of 32 bits. */
function inverse(odd: number): number {
  let found = odd;
  // Each step doubles the bits that are right, of which there are three at first.
  for (let bits = 3; bits < 32; bits *= 2) found = Math.imul(found, 2 - Math.imul(odd, found));
  return found;
}

/**
 * Whether a key that differs from one in a single byte, at index `from` or behind it, has another hash.
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

/** What the sum of a key of so many bytes begins with. */
export function hashStart(length: number): number {
  return Math.imul(0x238f13af, length);
}

/** The hash that a sum of 31 bits gives; of a larger one only its low 31 bits count. */
export function hashFinish(value: number): number {
  return (Math.imul(HASH_FACTOR, value) + 12345) & 0x7fffffff;
}

/**
 * What second hashes of keys are made with: odd, and another number in each process. Keys that a file was made of so that
 * two hashes of theirs are the same would have to be compared each with each.
 */
export const DIGEST_FACTOR = Math.floor(Math.random() * 2 ** 32) | 1;

/** Another one for hashes that take four bytes at once: with one alone two changes could be made that undo each other. */
export const DIGEST_SECOND = Math.floor(Math.random() * 2 ** 32) | 1;

/** What a second hash of a key of so many bytes begins with: of another kind, to tell most keys of one hash apart. */
export function keyDigest(length: number): number {
  return length;
}

/** The second hash with the next `count` bytes of the key. */
export function digestOn(digest: number, bytes: Uint8Array, count: number): number {
  for (let i = 0; i < count; i++) digest = Math.imul(digest ^ bytes[i], DIGEST_FACTOR);
  return digest;
}

/** The second hash of a whole key. */
export function digestOf(key: Uint8Array): number {
  return digestOn(keyDigest(key.length), key, key.length);
}

/** What one look at a key's bytes tells, for loops over millions of keys: nothing is made for any of them. */
export class KeyScan {
  /** As {@link hashKey} gives it. */
  hash = 0;
  /** As {@link keyDigest} and {@link digestOn} give it. */
  digest = 0;
  /** Whether the hash is the same on every machine. */
  portable = true;

  /** Looks at the key at `from` to before `to`. */
  take(bytes: Uint8Array, from: number, to: number, hashChar: HashChar): void {
    const ignored = hashChar === 'signed' ? 24 : 0;
    let sum = hashStart(to - from);
    let digest = keyDigest(to - from);
    let all = 0;
    let shift = 0;
    for (let i = from; i < to; i++) {
      const byte = bytes[i];
      all |= byte;
      digest = Math.imul(digest ^ byte, DIGEST_FACTOR);
      sum = (sum + (((byte << ignored) >> ignored) << shift)) | 0;
      shift = shift >= 19 ? shift - 19 : shift + 5;
    }
    this.hash = hashFinish(sum & 0x7fffffff);
    this.digest = digest;
    this.portable = all < 0x80;
  }
}

/** Whether a key hashes the same on every machine: none of its bytes is 0x80 or more. */
export function isPortableKey(key: Uint8Array): boolean {
  let all = 0;
  for (let i = 0; i < key.length; i++) all |= key[i];
  return all < 0x80;
}

/** A byte's shift depends on its index in groups of so many. */
const GROUP = 24;
/** Groups after which the sums in 16 and counts in 8 bits of a number are taken out of it. */
const GROUPS = 255;

const shiftOf = (index: number) => (index * 5) % GROUP;

/**
 * The hashes of a key that comes in pieces, so that a key of any size needs no memory of its size. Bytes are added up by
 * their index in their group, four at a time and two sums in one number, and shifted once at the end: a thirtieth of the
 * time that a loop over each byte takes for both flavours (measured with 100 MB, Node 20).
 */
export class KeyHasher {
  readonly #start: number;
  #index = 0;
  /** Of each index in a group the sum of its bytes, of which the low 32 bits count. */
  readonly #sums = new Int32Array(GROUP);
  /** And how many of them are 0x80 or more. */
  readonly #high = new Int32Array(GROUP);

  /** @param length bytes of the whole key, which the hash starts from */
  constructor(length: number) {
    this.#start = hashStart(length);
  }

  /** Takes the next bytes of the key. */
  update(bytes: Uint8Array): this {
    const view = viewOf(bytes);
    const { length } = bytes;
    let at = 0;
    for (; at < length && this.#index % GROUP !== 0; at++) this.#take(bytes[at]);
    while (length - at >= GROUP) {
      const groups = Math.min(GROUPS, Math.floor((length - at) / GROUP));
      this.#takeGroups(view, at, groups);
      at += groups * GROUP;
    }
    for (; at < length; at++) this.#take(bytes[at]);
    return this;
  }

  /** The hash where a char is unsigned. */
  get unsigned(): number {
    let sum = this.#start;
    for (let i = 0; i < GROUP; i++) sum = (sum + (this.#sums[i] << shiftOf(i))) | 0;
    return hashFinish(sum);
  }

  /** The hash where a char is signed: a byte of 0x80 or more is 256 less. */
  get signed(): number {
    let sum = this.#start;
    for (let i = 0; i < GROUP; i++) sum = (sum + ((this.#sums[i] - (this.#high[i] << 8)) << shiftOf(i))) | 0;
    return hashFinish(sum);
  }

  digest(hashChar: HashChar): number {
    return hashChar === 'signed' ? this.signed : this.unsigned;
  }

  #take(byte: number): void {
    const i = this.#index++ % GROUP;
    this.#sums[i] += byte;
    if (byte >= 0x80) this.#high[i]++;
  }

  /** Takes whole groups, at most {@link GROUPS}, so that no sum of them runs over. */
  #takeGroups(view: DataView, from: number, groups: number): void {
    const words = GROUP / 4;
    for (let word = 0; word < words; word++) {
      let even = 0;
      let odd = 0;
      let high = 0;
      const end = from + groups * GROUP;
      for (let at = from + word * 4; at < end; at += GROUP) {
        const four = view.getInt32(at, true);
        even = (even + (four & 0xff00ff)) | 0;
        odd = (odd + ((four >>> 8) & 0xff00ff)) | 0;
        high = (high + ((four >>> 7) & 0x1010101)) | 0;
      }
      const i = word * 4;
      this.#sums[i] += even & 0xffff;
      this.#sums[i + 1] += odd & 0xffff;
      this.#sums[i + 2] += even >>> 16;
      this.#sums[i + 3] += odd >>> 16;
      for (let n = 0; n < 4; n++) this.#high[i + n] += (high >>> (8 * n)) & 0xff;
    }
    // What is before it is whole groups, too.
    this.#index += groups * GROUP;
  }
}

/** What one look at a key's bytes tells, four at a time: that takes half as long as one at a time. */
export class KeyLook {
  /** Its hash where a char is unsigned. */
  unsigned = 0;
  /** Whether its hash is the same where a char is signed. */
  portable = true;
  /** A second hash of another kind, to tell keys of one hash apart. */
  digest = 0;

  /** Looks at `size` bytes from `place` on. */
  take(view: DataView, place: number, size: number): void {
    // A variable of this function is a register; one of the module is looked up each time.
    const factor = DIGEST_FACTOR;
    const other = DIGEST_SECOND;
    const end = place + size;
    let all = 0;
    let digest = keyDigest(size);
    let sum = hashStart(size);
    let shift = 0;
    let i = place;
    for (; i + 4 <= end; i += 4) {
      const word = view.getInt32(i, true);
      all |= word;
      digest = Math.imul(digest ^ word, factor);
      digest = Math.imul(digest ^ (digest >>> 15), other);
      const second = shift >= 19 ? shift - 19 : shift + 5;
      const third = second >= 19 ? second - 19 : second + 5;
      const fourth = third >= 19 ? third - 19 : third + 5;
      sum = (sum + ((word & 0xff) << shift)) | 0;
      sum = (sum + (((word >>> 8) & 0xff) << second)) | 0;
      sum = (sum + (((word >>> 16) & 0xff) << third)) | 0;
      sum = (sum + ((word >>> 24) << fourth)) | 0;
      shift = fourth >= 19 ? fourth - 19 : fourth + 5;
    }
    for (; i < end; i++) {
      const byte = view.getUint8(i);
      all |= byte;
      digest = Math.imul(digest ^ byte, factor);
      sum = (sum + (byte << shift)) | 0;
      shift = shift >= 19 ? shift - 19 : shift + 5;
    }
    this.unsigned = hashFinish(sum);
    this.portable = (all & 0x80808080) === 0;
    this.digest = digest;
  }
}
