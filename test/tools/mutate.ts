import type { Random } from './random.js';

/** A damaged copy, and what was done to it. */
export interface Mutated {
  readonly bytes: Uint8Array;
  readonly what: string;
}

/** Header fields of a file of amd64, by offset. */
const FIELDS = [0, 4, 8, 16, 20, 24, 28, 32, 40, 44, 48];
/** Numbers that are often just beside a limit. */
const EDGES = [
  0, 1, 2, 3, 4, 7, 8, 63, 135, 136, 137, 511, 512, 513, 1024, 4095, 4096, 4097, 8192, -1, 0x7fffffff,
];

/** Damages a little-endian database with 64-bit offsets where its structures are, in one of many ways. */
export function mutate(random: Random, original: Uint8Array): Mutated {
  const bytes = Uint8Array.from(original);
  const view = new DataView(bytes.buffer);
  const directory = Number(view.getBigInt64(8, true));
  const entries = view.getInt32(16, true) / 8;
  const bucket = () => Number(view.getBigInt64(directory + 8 * random.below(entries), true));
  const set32 = (at: number) => {
    const value =
      random.below(3) === 0 ? view.getInt32(at, true) + random.pick([-1, 1, 8, -8]) : random.pick(EDGES);
    view.setInt32(at, value, true);
    return `32 bits at ${at} set to ${value}`;
  };
  const ways: (() => string | Mutated)[] = [
    () => set32(random.pick(FIELDS)),
    () => set32(random.pick(FIELDS)),
    () => set32(40 + 4 * random.below(40)),
    () => set32(bucket() + random.pick([0, 104, 108, 8, 16, 20, 24, 32])),
    () => set32(bucket() + 4 * random.below(40)),
    () => set32(directory + 8 * random.below(entries)),
    () => {
      const at = directory + 8 * random.below(entries);
      view.setBigInt64(at, BigInt(random.below(bytes.length + 4096)), true);
      return `entry at ${at} changed`;
    },
    () => {
      const at = random.below(Math.min(bytes.length, 100));
      bytes[at] ^= 1 << random.below(8);
      return `a bit of byte ${at} flipped`;
    },
    () => {
      const at = random.below(bytes.length);
      bytes[at] ^= 1 << random.below(8);
      return `a bit of byte ${at} flipped`;
    },
    () => {
      const length = random.below(bytes.length);
      return { bytes: bytes.slice(0, length), what: `cut to ${length} bytes` };
    },
    () => {
      const longer = new Uint8Array(bytes.length + 1 + random.below(5000));
      longer.set(bytes);
      return { bytes: longer, what: `lengthened to ${longer.length} bytes` };
    },
    () => {
      const at = 512 * random.below(Math.ceil(bytes.length / 512));
      bytes.fill(0, at, at + 512);
      return `zeroes from ${at} to ${at + 512}`;
    },
    () => {
      const at = 512 * random.below(Math.ceil(bytes.length / 512));
      bytes.set(random.bytes(Math.min(512, bytes.length - at)), at);
      return `random bytes from ${at} to ${at + 512}`;
    },
    () => {
      bytes.subarray(0, 4).reverse();
      return 'magic swapped';
    },
    () => {
      view.setUint32(0, random.pick([0x13579ace, 0x13579acd, 0x13579acf, 0x13579ad0, 0x13579ad1]), true);
      return `magic ${view.getUint32(0, true).toString(16)}`;
    },
    () => {
      view.setBigInt64(random.pick([8, 32]), BigInt(random.below(2 ** 31)) << BigInt(random.below(33)), true);
      return 'a large offset in the header';
    },
  ];
  const done = random.pick(ways)();
  return typeof done === 'string' ? { bytes, what: done } : done;
}
