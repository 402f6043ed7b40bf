import { readFile, writeFile } from 'node:fs/promises';

/** The kinds of damage that a repair must mend, on a little-endian file with 64-bit offsets aligned to 8. */
export const DAMAGES: Record<string, { code: string; damage: (bytes: Buffer) => Buffer | void }> = {
  'bytes appended': {
    code: 'header-next-block-low',
    damage: (bytes) => Buffer.concat([bytes, Buffer.alloc(5000, 7)]),
  },
  'a directory entry wrecked': {
    code: 'directory-entry-invalid',
    damage: (bytes) => void bytes.writeBigInt64LE(99n, directory(bytes)),
  },
  'a directory entry that leads to another bucket': {
    code: 'directory-entry-wrong',
    damage: (bytes) => {
      const last = directory(bytes) + bytes.readInt32LE(16) - 8;
      bytes.copy(bytes, directory(bytes), last, last + 8);
    },
  },
  'a bucket header wrecked': {
    code: 'bucket-header',
    damage: (bytes) => void bytes.writeInt32LE(12345, bucket(bytes) + 108),
  },
  'the bits of a bucket wrecked': {
    code: 'bucket-header',
    damage: (bytes) => void bytes.writeInt32LE(-7, bucket(bytes) + 104),
  },
  "a bucket's avail table wrecked": {
    code: 'bucket-avail',
    damage: (bytes) => void bytes.writeInt32LE(77, bucket(bytes)),
  },
  'the avail block wrecked': {
    code: 'avail-count',
    damage: (bytes) => void bytes.writeInt32LE(-3, availBlock(bytes) + 4),
  },
  "the avail block's size wrong": {
    code: 'avail-size',
    damage: (bytes) => void bytes.writeInt32LE(9999, availBlock(bytes)),
  },
  'a wrong dir_bits': {
    code: 'header-directory-bits',
    damage: (bytes) => void bytes.writeInt32LE(bytes.readInt32LE(20) + 1, 20),
  },
  'a wrong dir_size': {
    code: 'header-directory-size',
    damage: (bytes) => void bytes.writeInt32LE(bytes.readInt32LE(16) * 2, 16),
  },
  'a wrong dir': {
    code: 'header-directory-offset',
    damage: (bytes) => void bytes.writeBigInt64LE(12n, 8),
  },
  'a wrong magic': {
    code: 'header-magic',
    damage: (bytes) => void bytes.writeUInt32LE(0xdeadbeef, 0),
  },
  'a wrong block size': {
    code: 'header-block-size',
    damage: (bytes) => void bytes.writeInt32LE(77, 4),
  },
  'a wrong bucket size': {
    code: 'header-bucket-size',
    damage: (bytes) => void bytes.writeInt32LE(1, 24),
  },
  'a wrong number of bucket elements': {
    code: 'header-bucket-elements',
    damage: (bytes) => void bytes.writeInt32LE(0, 28),
  },
};

/** Damages a file in place. */
export async function damageFile(path: string, name: keyof typeof DAMAGES): Promise<void> {
  const bytes = await readFile(path);
  await writeFile(path, DAMAGES[name].damage(bytes) ?? bytes);
}

function directory(bytes: Buffer): number {
  return Number(bytes.readBigInt64LE(8));
}

function bucket(bytes: Buffer): number {
  return Number(bytes.readBigInt64LE(directory(bytes)));
}

/** The avail block follows the header, or the extended header in a numsync file. */
function availBlock(bytes: Buffer): number {
  return bytes.readUInt32LE(0) === 0x13579ad1 ? 72 : 40;
}
