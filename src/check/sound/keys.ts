import { KEY_START } from '../../format/bucket.js';
import type { HashChar } from '../../format/hash.js';
import { hashFinish, hashKey, hashStart, KeyHasher } from '../../format/hash.js';
import type { Source } from '../../source/source.js';
import { readChunks, readInto } from '../../source/source.js';
import type { ElementColumns } from './columns.js';
import type { TwinFilter } from './twins.js';

/** Keys that are no farther apart are read together. */
const MAX_GAP = 16 * 1024;
/** Bytes of one read of keys. */
const WINDOW = 1 << 20;

/** By which flavours keys gave the hashes of their elements. */
export interface Flavours {
  either: number;
  signed: number;
  unsigned: number;
}

interface Window {
  readonly base: number;
  readonly length: number;
  /** Of the elements in order, those from here … */
  readonly from: number;
  /** … to before here. */
  readonly to: number;
}

/**
 * Reads keys in order of their offsets, the next window while one is looked at, and holds each against its element's
 * hash and `key_start`. Memory: two windows of a MiB.
 *
 * @param order the elements' numbers in order of their offsets
 * @param visit gets each element before its key is looked at; false ends it
 * @returns whether every key fits and every visit said so
 */
export async function proveKeys(
  source: Source,
  columns: ElementColumns,
  order: Uint32Array,
  flavours: Flavours,
  twins: TwinFilter,
  visit: (n: number) => boolean,
): Promise<boolean> {
  return eachKey(
    source,
    columns,
    order,
    (n, bytes, at) => visit(n) && isKeyOf(bytes, at, columns, n, flavours, twins),
    async (n) => visit(n) && (await isLargeKeyOf(source, columns, n, flavours, twins)),
  );
}

/**
 * Reads keys in order of their offsets, the next window while one is looked at. Memory: two windows of a MiB.
 *
 * @param order the elements' numbers in order of their offsets
 * @param visit gets each element, and bytes with the index at which its key is; false ends it
 * @param visitLarge gets each element whose key is too large to be held
 * @returns whether every visit said so
 */
export async function eachKey(
  source: Source,
  columns: ElementColumns,
  order: Uint32Array,
  visit: (n: number, bytes: Uint8Array, at: number) => boolean,
  visitLarge: (n: number) => Promise<boolean>,
): Promise<boolean> {
  const buffers = [new Uint8Array(WINDOW), new Uint8Array(WINDOW)];
  const read = (window: Window, turn: number) => {
    const target = buffers[turn & 1].subarray(0, window.length);
    const done = readInto(source, window.base, target);
    // Where the loop ends early nobody waits for this one.
    done.catch(() => {});
    return { window, target, done };
  };
  const windows = planWindows(columns, order);
  let turn = 0;
  let first = windows.next();
  let ahead = first.done ? undefined : read(first.value, turn++);
  while (ahead !== undefined) {
    const { window, target, done } = ahead;
    await done;
    first = windows.next();
    ahead = first.done ? undefined : read(first.value, turn++);
    for (let k = window.from; k < window.to; k++) {
      const n = order[k];
      const goesOn =
        columns.keySizes[n] > WINDOW
          ? await visitLarge(n)
          : visit(n, target, columns.offsets[n] - window.base);
      if (!goesOn) return false;
    }
  }
  return true;
}

function* planWindows({ offsets, keySizes }: ElementColumns, order: Uint32Array): Generator<Window> {
  for (let from = 0, to: number; from < order.length; from = to) {
    const base = offsets[order[from]];
    let end = base;
    // A key too long for a window is one by itself, and read in pieces.
    for (to = from; to < order.length; to++) {
      const offset = offsets[order[to]];
      const size = keySizes[order[to]];
      const large = size > WINDOW;
      if (to > from && (large || offset > end + MAX_GAP || offset + size > base + WINDOW)) break;
      if (large) {
        to++;
        break;
      }
      end = Math.max(end, offset + size);
    }
    yield { base, length: end - base, from, to };
  }
}

function isKeyOf(
  bytes: Uint8Array,
  at: number,
  { hashes, keySizes, starts }: ElementColumns,
  n: number,
  flavours: Flavours,
  twins: TwinFilter,
): boolean {
  const size = keySizes[n];
  const hash = hashes[n];
  let start = starts[n];
  for (let i = 0; i < KEY_START && i < size; i++) {
    if ((start & 0xff) !== bytes[at + i]) return false;
    start >>>= 8;
  }
  // One loop for all that is wanted of the bytes: as unsigned chars the hash, whether that is the signed one too, and a
  // second hash of another kind.
  let all = 0;
  let digest = size;
  let sum = hashStart(size);
  let shift = 0;
  for (let i = at, end = at + size; i < end; i++) {
    const byte = bytes[i];
    all |= byte;
    digest = (Math.imul(digest, 31) + byte) | 0;
    sum = (sum + (byte << shift)) | 0;
    shift = shift >= 19 ? shift - 19 : shift + 5;
  }
  if (!twins.add(hash, digest)) return false;
  const unsigned = hashFinish(sum) === hash;
  if (all < 0x80) {
    if (unsigned) flavours.either++;
    return unsigned;
  }
  const signed = hashKey(bytes.subarray(at, at + size), 'signed') === hash;
  if (signed || unsigned) flavours[signed && unsigned ? 'either' : signed ? 'signed' : 'unsigned']++;
  return signed || unsigned;
}

async function isLargeKeyOf(
  source: Source,
  { offsets, hashes, keySizes, starts }: ElementColumns,
  n: number,
  flavours: Flavours,
  twins: TwinFilter,
): Promise<boolean> {
  const hashers: [HashChar, KeyHasher][] = [
    ['signed', new KeyHasher(keySizes[n], 'signed')],
    ['unsigned', new KeyHasher(keySizes[n], 'unsigned')],
  ];
  const first = new DataView((await source.read(offsets[n], KEY_START)).slice().buffer);
  if (first.getInt32(0, true) !== starts[n]) return false;
  let digest = keySizes[n];
  for await (const bytes of readChunks(source, offsets[n], keySizes[n])) {
    for (const byte of bytes) digest = (Math.imul(digest, 31) + byte) | 0;
    for (const [, hasher] of hashers) hasher.update(bytes);
  }
  const fits = hashers.filter(([, hasher]) => hasher.digest() === hashes[n]).map(([flavour]) => flavour);
  if (fits.length === 0 || !twins.add(hashes[n], digest)) return false;
  flavours[fits.length === 2 ? 'either' : fits[0]]++;
  return true;
}
