import { KEY_START } from '../format/bucket.js';
import { KeyHasher } from '../format/hash.js';
import type { Source } from '../source/source.js';
import type { Progress } from '../source/sweep.js';
import { lastPlace, sweep } from '../source/sweep.js';

/** Minimum key size for a search, in bytes: shorter keys occur at many places by chance. */
export const MIN_LOCATED = KEY_START + 1;
/** Maximum key size for a search, in bytes. */
export const MAX_LOCATED = 0xffff;
/**
 * Maximum number of bytes that are hashed for each byte of the file, for keys up to a size. The key size in a damaged
 * element is mostly large, and must not use up the budget of other keys.
 */
const HASHED_PER_BYTE = [
  { longest: 64, bytes: 16 },
  { longest: 1024, bytes: 4 },
  { longest: MAX_LOCATED, bytes: 4 },
] as const;

/** Maximum number of lengths of keys that begin alike: a manipulated file may have thousands. */
const MAX_SIZES = 64;
/** Maximum number of places at which one key should be. */
const MAX_SAME = 16;

/** A key as its element describes it. */
export interface WantedKey {
  readonly hash: number;
  /** Bytes, {@link MIN_LOCATED} to {@link MAX_LOCATED}. */
  readonly size: number;
  /** File offset at which the key should be. */
  readonly pointer: number;
  /** The first four bytes as one number, the first byte in the most significant place. */
  readonly start: number;
}

/** Keys with the same first bytes. */
interface StartGroup {
  /** Their lengths. */
  readonly sizes: number[];
  /** For each length, the keys by their hash. */
  readonly keys: Map<number, WantedKey[]>[];
}

const NONE: readonly WantedKey[] = [];

/**
 * Searches a file for keys by their first bytes, their length and their hash.
 *
 * @param visit receives each key with each file offset at which such bytes stand, in order of the offsets
 */
export async function locateKeys(
  source: Source,
  wanted: readonly WantedKey[],
  visit: (key: WantedKey, at: number) => void,
  progress?: Progress,
): Promise<void> {
  const byStart = new Map<number, StartGroup>();
  const starts = new Uint8Array(1 << 16);
  let longest = KEY_START;
  for (const key of wanted) {
    let group = byStart.get(key.start);
    if (group === undefined) byStart.set(key.start, (group = { sizes: [], keys: [] }));
    let n = group.sizes.indexOf(key.size);
    if (n < 0 && group.sizes.length === MAX_SIZES) continue;
    if (n < 0) {
      n = group.sizes.push(key.size) - 1;
      group.keys.push(new Map());
    }
    const same = group.keys[n].get(key.hash);
    // Elements of different ages may lead to different places for one key.
    if (same === undefined) group.keys[n].set(key.hash, [key]);
    else if (same.length < MAX_SAME) same.push(key);
    starts[key.start >>> 16] = 1;
    longest = Math.max(longest, key.size);
  }
  const look = new KeyHasher();
  const budgets = HASHED_PER_BYTE.map(({ bytes }) => bytes * source.size);
  const classOf = (size: number) => HASHED_PER_BYTE.findIndex((one) => size <= one.longest);
  // Consecutive places often have the same first bytes.
  let last: { start: number; group: StartGroup | undefined } = { start: -1, group: undefined };
  for await (const window of sweep(source, longest, progress)) {
    const { view, base } = window;
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const end = lastPlace(window, KEY_START);
    let pair = bytes[0];
    for (let at = 0; at < end; at++) {
      pair = ((pair << 8) | bytes[at + 1]) & 0xffff;
      if (starts[pair] === 0) continue;
      const start = view.getUint32(at);
      if (start !== last.start) last = { start, group: byStart.get(start) };
      const { group } = last;
      if (group === undefined) continue;
      for (let n = 0; n < group.sizes.length; n++) {
        const size = group.sizes[n];
        const budget = classOf(size);
        if (at + size > bytes.length || budgets[budget] <= 0) continue;
        budgets[budget] -= 2 * size;
        look.take(view, at, size);
        let found = group.keys[n].get(look.unsigned);
        if (found === undefined && !look.portable) found = group.keys[n].get(look.signed);
        for (const one of found ?? NONE) visit(one, base + at);
      }
    }
  }
}
