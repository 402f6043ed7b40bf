import type { FileHandle } from 'node:fs/promises';
import { FreshFile } from '../replace/fresh.js';
import { fileSource } from '../source/file.js';
import { passChunks } from '../source/source.js';

/**
 * Copies an open file into a fresh one beside `target`, synced: as a reflink, which takes no room and no time, where
 * the file system can; else byte for byte. What it holds is to be compared.
 *
 * @throws RefusedError
 * @throws SourceError if the file shrinks meanwhile
 */
export async function copyBeside(target: string, from: FileHandle, signal?: AbortSignal): Promise<FreshFile> {
  const fresh =
    (await FreshFile.cloneBeside(target, from, signal)) ?? (await copyBytes(target, from, signal));
  try {
    await fresh.sync();
    return fresh;
  } catch (error) {
    await fresh.close();
    throw error;
  }
}

async function copyBytes(target: string, from: FileHandle, signal?: AbortSignal): Promise<FreshFile> {
  const fresh = await FreshFile.createBeside(target, signal);
  try {
    const source = await fileSource(from);
    let at = 0;
    for await (const piece of passChunks(source, 0, source.size)) {
      await fresh.write(at, piece);
      at += piece.length;
    }
    return fresh;
  } catch (error) {
    await fresh.close();
    throw error;
  }
}
