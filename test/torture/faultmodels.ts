import type { Random } from '../tools/random.js';
import type { Damaged } from './damaged.js';
import type { Intact } from './intact.js';
import type { Model } from './models.js';

const SECTOR = 512;
const sectorsOf = ({ bytes }: Damaged) => Math.floor(bytes.length / SECTOR);

/** File offset of a sector of a bucket in force. */
function sectorOfBucket({ buckets, header }: Intact, random: Random): number {
  return random.pick(buckets) + SECTOR * random.below(header.bucket_size / SECTOR);
}

/**
 * Bytes that are missing behind the header, or were put in: a copy that skipped what it could not read, a block written
 * twice. All behind that place is whole but moved; a value at the place itself may not be told from a whole one.
 */
export const FAULTS: readonly Model[] = [
  {
    name: 'the sector behind the header missing',
    damage: (file) => file.drop(SECTOR, SECTOR),
  },
  {
    name: 'a sector missing',
    damage: (file, _, random) => file.drop(SECTOR * (1 + random.below(sectorsOf(file) - 1)), SECTOR),
  },
  {
    name: 'some sectors missing',
    damage: (file, _, random) =>
      file.drop(SECTOR * (1 + random.below(sectorsOf(file) - 9)), SECTOR * (2 + random.below(7))),
  },
  {
    name: 'some bytes missing',
    damage: (file, { header }, random) =>
      file.drop(header.block_size + random.below(file.bytes.length / 2), 1 + random.below(5000)),
  },
  {
    name: 'a sector twice',
    damage: (file, _, random) => {
      const at = SECTOR * (1 + random.below(sectorsOf(file) - 1));
      file.insert(at, file.bytes.slice(at, at + SECTOR));
    },
  },
  {
    name: 'a page of zeroes put in',
    damage: (file, _, random) =>
      file.insert(SECTOR * (1 + random.below(sectorsOf(file) - 1)), new Uint8Array(4096)),
  },
  {
    name: 'a sector of a bucket missing',
    damage: (file, intact, random) => file.drop(sectorOfBucket(intact, random), SECTOR),
  },
  {
    name: 'a sector of a bucket twice',
    damage: (file, intact, random) => {
      const at = sectorOfBucket(intact, random);
      file.insert(at, file.bytes.slice(at, at + SECTOR));
    },
  },
  {
    name: 'bytes of a bucket twice',
    damage: (file, { buckets, header }, random) => {
      const at = random.pick(buckets) + random.below(header.bucket_size);
      file.insert(at, file.bytes.slice(at, at + 1 + random.below(Math.min(5000, file.bytes.length - at))));
    },
  },
  {
    name: 'some bytes put in',
    damage: (file, { header }, random) =>
      file.insert(
        header.block_size + random.below(file.bytes.length / 2),
        random.bytes(1 + random.below(5000)),
      ),
  },
];
