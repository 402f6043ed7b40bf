import { KEY_START } from '../format/bucket.js';
import { KeyScan } from '../format/hash.js';
import type { Source } from '../source/source.js';
import type { Progress } from '../source/sweep.js';
import { lastPlace, sweep } from '../source/sweep.js';

/** Shorter keys stand by chance at many places. */
export const MIN_LOCATED = KEY_START + 1;
/** Longer ones are not looked for. */
export const MAX_LOCATED = 0xffff;
/**
 * Bytes that are hashed for each byte of the file, at most, for keys up to so long: what a damaged element has as its
 * key's size is mostly large, and must not use up what the others need.
 */
const HASHED_PER_BYTE = [
  { longest: 64, bytes: 16 },
  { longest: 1024, bytes: 4 },
  { longest: MAX_LOCATED, bytes: 4 },
] as const;

/** Places at which one key should be, at most. */
const MAX_SAME = 16;

/** A key by what its element says of it. */
export interface WantedKey {
  readonly hash: number;
  /** Bytes, {@link MIN_LOCATED} to {@link MAX_LOCATED}. */
  readonly size: number;
  /** File offset at which it should be. */
  readonly pointer: number;
  /** The first four bytes as one number, the first byte in the highest place. */
  readonly start: number;
}

/**
 * Looks for keys through the whole file by their first bytes, their length and their hash.
 *
 * @param visit gets each key with each file offset at which such bytes stand, in order of the offsets
 */
export async function locateKeys(
  source: Source,
  wanted: readonly WantedKey[],
  visit: (key: WantedKey, at: number) => void,
  progress?: Progress,
): Promise<void> {
  /** For the first bytes of a key: its possible lengths, and the keys by length and hash. */
  const byStart = new Map<number, { sizes: Set<number>; keys: Map<number, WantedKey[]> }>();
  const starts = new Uint8Array(1 << 16);
  let longest = KEY_START;
  for (const key of wanted) {
    let group = byStart.get(key.start);
    if (group === undefined) byStart.set(key.start, (group = { sizes: new Set(), keys: new Map() }));
    group.sizes.add(key.size);
    const name = key.size * 2 ** 31 + key.hash;
    const same = group.keys.get(name);
    // Elements of different times may lead to different places for one key.
    if (same === undefined) group.keys.set(name, [key]);
    else if (same.length < MAX_SAME) same.push(key);
    starts[key.start >>> 16] = 1;
    longest = Math.max(longest, key.size);
  }
  const key = new KeyScan();
  const budgets = HASHED_PER_BYTE.map(({ bytes }) => bytes * source.size);
  const classOf = (size: number) => HASHED_PER_BYTE.findIndex((one) => size <= one.longest);
  for await (const window of sweep(source, longest, progress)) {
    const { view, base } = window;
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const end = lastPlace(window, KEY_START);
    for (let at = 0; at < end; at++) {
      if (starts[view.getUint16(at)] === 0) continue;
      const group = byStart.get(view.getUint32(at));
      if (group === undefined) continue;
      for (const size of group.sizes) {
        const budget = classOf(size);
        if (at + size > bytes.length || budgets[budget] <= 0) continue;
        budgets[budget] -= 2 * size;
        let found: WantedKey[] | undefined;
        for (const flavour of ['signed', 'unsigned'] as const) {
          key.take(bytes, at, at + size, flavour);
          found = group.keys.get(size * 2 ** 31 + key.hash);
          if (found !== undefined || key.portable) break;
        }
        for (const one of found ?? []) visit(one, base + at);
      }
    }
  }
}
