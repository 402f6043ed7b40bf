import type { Source } from '../../source/source.js';
import type { BucketPass } from './bucketpass.js';

/** Bits of the filter for each key, and of the whole filter at most: 32 MiB. */
const BITS_EACH = 32;
const MAX_BITS = 2 ** 28;
/** Bits of a block, which one look at memory brings. */
const BLOCK_BITS = 512;

/** More keys that may be there twice are no chance. */
const MAX_SUSPECTS = 1 << 16;
/** Bytes of keys that are held to compare them. */
const MAX_HELD = 16 << 20;

/**
 * Finds keys that may be there twice, in a fixed amount of memory: a Bloom filter of the keys so far, by their hash and
 * a second one. libgdbm's own hash gives many keys the same value (measured: of a million keys with a running number
 * nearly all share theirs with another).
 */
export class TwinFilter {
  readonly #words: Int32Array;
  readonly #blocks: number;
  readonly suspects = new Set<number>();

  /** @param keys how many there are in all */
  constructor(keys: number) {
    const bits = Math.min(MAX_BITS, 2 ** Math.ceil(Math.log2(Math.max(BLOCK_BITS, keys * BITS_EACH))));
    this.#words = new Int32Array(bits / 32);
    this.#blocks = bits / BLOCK_BITS;
  }

  /**
   * Adds a key.
   *
   * @returns false where too many may be there twice
   */
  add(hash: number, digest: number): boolean {
    let mixed = Math.imul(hash ^ Math.imul(digest, 0x9e3779b1), 0x85ebca6b);
    mixed ^= mixed >>> 15;
    const base = (mixed & (this.#blocks - 1)) * (BLOCK_BITS / 32);
    let bits = Math.imul(digest ^ Math.imul(hash, 0xc2b2ae35), 0x27d4eb2f);
    bits ^= bits >>> 13;
    let seen = 1;
    for (let n = 0; n < 3; n++) {
      const at = base + ((bits >>> 5) & 15);
      const bit = 1 << (bits & 31);
      const word = this.#words[at];
      if ((word & bit) === 0) {
        seen = 0;
        this.#words[at] = word | bit;
      }
      bits = (bits >>> 9) | (bits << 23);
    }
    if (seen === 1) this.suspects.add(hash);
    return this.suspects.size <= MAX_SUSPECTS;
  }

  /**
   * Whether no key with the hash of a suspect is there twice.
   *
   * @returns also false where there are too many to tell
   */
  async areDistinct(source: Source, pass: BucketPass): Promise<boolean> {
    if (this.suspects.size === 0) return true;
    const found: { hash: number; offset: number; size: number }[] = [];
    const few = await pass.each((words) => {
      for (let i = 0; i < words.elements; i++) {
        if (words.isFree(i) || !this.suspects.has(words.hash(i))) continue;
        found.push({ hash: words.hash(i), offset: words.pointer(i), size: words.keySize(i) });
      }
      return found.length <= 4 * MAX_SUSPECTS;
    });
    const bytes = found.reduce((sum, { size }) => sum + size, 0);
    if (!few || bytes > MAX_HELD) return false;
    const keys = new Set<string>();
    const latin1 = new TextDecoder('latin1');
    for (const { hash, offset, size } of found)
      keys.add(`${hash} ${latin1.decode(await source.read(offset, size))}`);
    return keys.size === found.length;
  }
}
