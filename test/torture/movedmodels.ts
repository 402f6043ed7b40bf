import type { Random } from '../tools/random.js';
import type { Damaged } from './damaged.js';
import type { Range } from './intact.js';
import type { Model } from './models.js';

const SECTOR = 512;
const KIB = 1024;

/** Damage that moves bytes at several places, or in pieces that are no longer in order. No byte is changed. */
export const MOVED: readonly Model[] = [
  ...[2, 5, 20].map((count): Model => {
    return {
      name: `${count} sectors dropped`,
      damage: (file, _, random) => {
        for (let n = 0; n < count; n++) file.drop(sectorBehindFirst(file, random), SECTOR);
      },
    };
  }),
  {
    name: '10 single bytes dropped',
    damage: (file, _, random) => {
      for (let n = 0; n < 10; n++) file.drop(placeBehindFirst(file, random), 1);
    },
  },
  {
    name: '5 insertions of 1 to 40 bytes',
    damage: (file, _, random) => {
      for (let n = 0; n < 5; n++)
        file.insert(placeBehindFirst(file, random), random.bytes(1 + random.below(40)));
    },
  },
  { name: 'two extents of 2 to 64 KiB swapped', damage: swapExtents },
  ...[16, 64].map((size): Model => {
    return {
      name: `stripes of ${size} KiB swapped`,
      suits: ({ bytes }) => bytes.length >= 2 * size * KIB,
      damage: (file) => file.rearrange(stripes(file, size * KIB, [1, 0])),
    };
  }),
  ...[16, 64].map((size): Model => {
    return {
      name: `stripes of ${size} KiB of three disks in wrong order`,
      suits: ({ bytes }) => bytes.length >= 3 * size * KIB,
      damage: (file, _, random) => {
        const order = random.pick([
          [0, 2, 1],
          [1, 0, 2],
          [1, 2, 0],
          [2, 0, 1],
          [2, 1, 0],
        ]);
        file.rearrange(stripes(file, size * KIB, order));
      },
    };
  }),
  { name: 'halves exchanged', damage: (file) => rotate(file, 1 / 2) },
  { name: 'rotated by a third', damage: (file) => rotate(file, 1 / 3) },
];

function sectorBehindFirst(file: Damaged, random: Random): number {
  return SECTOR * (1 + random.below(Math.floor(file.bytes.length / SECTOR) - 1));
}

function placeBehindFirst(file: Damaged, random: Random): number {
  return SECTOR + random.below(file.bytes.length - SECTOR);
}

/** Exchanges two extents of a file system whose blocks are of 2 or 4 KiB. */
function swapExtents(file: Damaged, _: unknown, random: Random): void {
  const { length } = file.bytes;
  const sizes = [2, 4, 8, 16, 32, 64].map((size) => size * KIB).filter((size) => 2 * size <= length);
  const size = random.pick(sizes);
  const unit = Math.min(size, 4 * KIB);
  const room = Math.floor(length / unit) - size / unit;
  let [a, b] = [0, 0];
  while (Math.abs(a - b) < size) [a, b] = [unit * random.below(room + 1), unit * random.below(room + 1)];
  file.swap(a, b, size);
}

/** The file with the stripes of each row of disks in another order. A last row that is not full stays. */
function stripes({ bytes }: Damaged, size: number, order: readonly number[]): Range[] {
  const row = size * order.length;
  const pieces: Range[] = [];
  let at = 0;
  for (; at + row <= bytes.length; at += row) {
    for (const disk of order) pieces.push({ at: at + disk * size, length: size });
  }
  return [...pieces, { at, length: bytes.length - at }];
}

/** Moves the first part of the file, a number of sectors, behind the rest. */
function rotate(file: Damaged, share: number): void {
  const { length } = file.bytes;
  const first = SECTOR * Math.round((length * share) / SECTOR);
  file.rearrange([
    { at: first, length: length - first },
    { at: 0, length: first },
  ]);
}
