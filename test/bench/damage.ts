import type { FileHandle } from 'node:fs/promises';
import { copyFile, open } from 'node:fs/promises';
import type { Database } from '../../src/database/database.js';
import { openDatabase } from '../../src/database/database.js';
import { BucketView } from '../../src/format/bucket.js';
import { FREE_HASH } from '../../src/format/hash.js';
import { fileSource } from '../../src/source/file.js';

/** Damages of a large database, each as the change of a file. */
export const DAMAGES = {
  'a key overwritten': async (file: FileHandle, db: Database): Promise<unknown> => {
    const { bucketSize, bucketElements } = db.geometry;
    const bytes = await db.source.read(middleBucket(db), bucketSize);
    const bucket = new BucketView(bytes, db.format, bucketElements);
    let i = 0;
    while (bucket.hash(i) === FREE_HASH) i++;
    return file.write(Uint8Array.of(0xff), 0, 1, bucket.dataPointer(i) + bucket.keySize(i) - 1);
  },
  'a bucket lost': (file: FileHandle, db: Database): Promise<unknown> =>
    file.write(new Uint8Array(db.geometry.bucketSize), 0, db.geometry.bucketSize, middleBucket(db)),
  'the directory lost': (file: FileHandle, { header }: Database): Promise<unknown> =>
    file.write(new Uint8Array(header.dir_size).fill(0xa5), 0, header.dir_size, header.dir),
  'the header lost': (file: FileHandle, { header }: Database): Promise<unknown> =>
    file.write(new Uint8Array(header.block_size).fill(0xa5), 0, header.block_size, 0),
  'cut by a twentieth': (file: FileHandle, { source }: Database): Promise<unknown> =>
    file.truncate(Math.floor(source.size * 0.95)),
} as const;

export type LargeDamage = keyof typeof DAMAGES;

const middleBucket = ({ directory }: Database) => directory[directory.length >>> 1];

/** Makes a copy of a database that suffered so. */
export async function damagedCopy(path: string, copy: string, damage: LargeDamage): Promise<void> {
  await copyFile(path, copy);
  const file = await open(copy, 'r+');
  try {
    const db = await openDatabase(await fileSource(file));
    if (db === undefined) throw new Error(`${path}: expected a database`);
    await DAMAGES[damage](file, db);
  } finally {
    await file.close();
  }
}
