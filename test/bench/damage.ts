import { copyFile, open } from 'node:fs/promises';
import { openDatabase } from '../../src/database/database.js';
import { openFileSource } from '../../src/source/file.js';
import { BucketView } from '../../src/format/bucket.js';
import { FREE_HASH } from '../../src/format/hash.js';

/** Copies a database and overwrites one byte of one key in the middle of its hashes. */
export async function breakKey(path: string, copy: string): Promise<void> {
  await copyFile(path, copy);
  const source = await openFileSource(copy);
  try {
    const db = await openDatabase(source);
    if (db === undefined) throw new Error(`${path}: expected a database`);
    const offset = db.directory[db.directory.length >>> 1];
    const { bucketSize, bucketElements } = db.geometry;
    const bucket = new BucketView(await source.read(offset, bucketSize), db.format, bucketElements);
    let i = 0;
    while (bucket.hash(i) === FREE_HASH) i++;
    const file = await open(copy, 'r+');
    const at = bucket.dataPointer(i) + bucket.keySize(i) - 1;
    await file.write(Uint8Array.of(0xff), 0, 1, at);
    await file.close();
  } finally {
    await source.close();
  }
}
