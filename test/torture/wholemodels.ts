import type { Random } from '../tools/random.js';
import type { Damaged } from './damaged.js';
import type { Range } from './intact.js';
import type { Model } from './models.js';

const SECTOR = 512;
/** Bytes of a byte order mark in UTF-8. */
const MARK = Uint8Array.of(0xef, 0xbb, 0xbf);
const [CR, LF] = [0x0d, 0x0a];

/** The file as a part of a larger one. */
export const CONTAINERS: readonly Model[] = [
  { name: 'a byte order mark before the file', damage: (file) => file.insert(0, MARK) },
  {
    name: '1 to 512 bytes before the file',
    damage: (file, _, random) => {
      const length = 1 + random.below(SECTOR);
      file.insert(0, random.below(2) === 0 ? new Uint8Array(length) : random.bytes(length));
    },
  },
  {
    name: 'in a tar archive',
    damage: (file, _, random) => {
      const { length } = file.bytes;
      file.insert(0, Buffer.concat([tarFile('app/README', random), tarHeader('app/cache.db', length)]));
      file.append(new Uint8Array(-length & (SECTOR - 1)));
      file.append(Buffer.concat([tarFile('app/settings.json', random), new Uint8Array(2 * SECTOR)]));
    },
  },
  {
    name: 'in the image of a disk',
    damage: (file, _, random) => {
      const blocks = () =>
        Buffer.concat(Array.from({ length: 1 + random.below(16) }, () => diskBlock(random)));
      file.insert(0, blocks());
      file.append(new Uint8Array(-file.bytes.length & (DISK_BLOCK - 1)));
      file.append(blocks());
    },
  },
];

/** Every byte of the file changed by a copy that took it for something else. The last one is the only one that loses bytes. */
export const TRANSFORMS: readonly Model[] = [
  {
    name: 'every LF became CR LF',
    damage: (file) => file.encode((bytes) => flatMap(bytes, (byte) => (byte === LF ? [CR, LF] : [byte]))),
  },
  { name: 'bytes of 16-bit words swapped', damage: (file) => file.encode((bytes) => permute(bytes, [1, 0])) },
  {
    name: 'bytes of 32-bit words reversed',
    damage: (file) => file.encode((bytes) => permute(bytes, [3, 2, 1, 0])),
  },
  {
    name: 'halves of 32-bit words swapped',
    damage: (file) => file.encode((bytes) => permute(bytes, [2, 3, 0, 1])),
  },
  {
    name: 'Latin-1 encoded as UTF-8',
    damage: (file) =>
      file.encode((bytes) =>
        flatMap(bytes, (byte) => (byte < 0x80 ? [byte] : [0xc0 | (byte >> 6), 0x80 | (byte & 0x3f)])),
      ),
  },
  { name: 'every CR LF became LF', suits: ({ bytes }) => crBeforeLf(bytes).length > 0, damage: dropCrs },
];

function flatMap(bytes: Uint8Array, encode: (byte: number) => number[]): Uint8Array {
  return Uint8Array.from([...bytes].flatMap(encode));
}

/** Each group of as many bytes in another order; the rest behind the last whole group stays. */
function permute(bytes: Uint8Array, order: readonly number[]): Uint8Array {
  const whole = bytes.length - (bytes.length % order.length);
  return bytes.map((byte, i) => (i < whole ? bytes[i - (i % order.length) + order[i % order.length]] : byte));
}

function crBeforeLf(bytes: Uint8Array): number[] {
  return [...bytes.keys()].filter((i) => bytes[i] === CR && bytes[i + 1] === LF);
}

function dropCrs(file: Damaged): void {
  const kept: Range[] = [];
  let from = 0;
  for (const at of [...crBeforeLf(file.bytes), file.bytes.length]) {
    kept.push({ at: from, length: at - from });
    from = at + 1;
  }
  file.rearrange(kept);
}

/** A member of an archive, of text lines. */
function tarFile(name: string, random: Random): Uint8Array {
  const text = Buffer.from(`${name}\n`.repeat(1 + random.below(200)));
  return Buffer.concat([tarHeader(name, text.length), text, new Uint8Array(-text.length & (SECTOR - 1))]);
}

function tarHeader(name: string, size: number): Uint8Array {
  const header = Buffer.alloc(SECTOR);
  header.write(name, 0);
  header.write('0000644\0', 100);
  header.write('0001750\0', 108);
  header.write('0001750\0', 116);
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  header.write('14712345670\0', 136);
  header.write('        0', 148);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((all, byte) => all + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

const DISK_BLOCK = 4096;

function diskBlock(random: Random): Uint8Array {
  const kind = random.below(3);
  if (kind === 0) return new Uint8Array(DISK_BLOCK);
  if (kind === 1) return random.bytes(DISK_BLOCK);
  return Buffer.alloc(DISK_BLOCK, `line ${random.below(1e6)} of another file\n`);
}
