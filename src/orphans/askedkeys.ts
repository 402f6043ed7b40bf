import { hashKey } from '../format/hash.js';
import type { Source } from '../source/source.js';
import { MAX_LOCATED } from './locate.js';

/** What an element says of its key. */
interface Asked {
  readonly size: number;
  readonly hash: number;
  readonly isThere: boolean;
}

/**
 * Whether a range of a source is a key of a hash, by either flavour.
 *
 * @param offset file offset
 * @param size bytes; a longer key than {@link MAX_LOCATED} is never read, and is none
 */
export async function isKeyAt(source: Source, offset: number, size: number, hash: number): Promise<boolean> {
  const isInside = offset >= 0 && size >= 0 && size <= MAX_LOCATED && offset + size <= source.size;
  if (!isInside) return false;
  const key = await source.read(offset, size);
  return hashKey(key, 'signed') === hash || hashKey(key, 'unsigned') === hash;
}

/** Keys of a source that are asked for again and again: each is read once. */
export class AskedKeys {
  readonly #source: Source;
  readonly #known = new Map<number, Asked[]>();

  constructor(source: Source) {
    this.#source = source;
  }

  /** As {@link isKeyAt}. */
  async isThere(offset: number, size: number, hash: number): Promise<boolean> {
    let asked = this.#known.get(offset);
    if (asked === undefined) this.#known.set(offset, (asked = []));
    const known = asked.find((one) => one.size === size && one.hash === hash);
    if (known !== undefined) return known.isThere;
    const isThere = await isKeyAt(this.#source, offset, size, hash);
    asked.push({ size, hash, isThere });
    return isThere;
  }
}
