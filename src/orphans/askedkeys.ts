import { hashKey } from '../format/hash.js';
import type { Source } from '../source/source.js';
import { MAX_LOCATED } from './locate.js';

/** A key as an element describes it, with the answer. */
interface Asked {
  readonly size: number;
  readonly hash: number;
  readonly isThere: boolean;
}

/**
 * Returns true if a range of a source is a key with this hash, in either flavour.
 *
 * @param offset file offset
 * @param size bytes; a key longer than {@link MAX_LOCATED} is not read and counts as absent
 */
export async function isKeyAt(source: Source, offset: number, size: number, hash: number): Promise<boolean> {
  const isInside = offset >= 0 && size >= 0 && size <= MAX_LOCATED && offset + size <= source.size;
  if (!isInside) return false;
  const key = await source.read(offset, size);
  return hashKey(key, 'signed') === hash || hashKey(key, 'unsigned') === hash;
}

/** Cache for keys of a source that are asked for repeatedly: each is read once. */
export class AskedKeys {
  readonly #source: Source;
  readonly #known = new Map<number, Asked[]>();

  constructor(source: Source) {
    this.#source = source;
  }

  /** Cached {@link isKeyAt}. */
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
