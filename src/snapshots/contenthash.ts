import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { abortable } from '../source/abortable.js';
import { fileSource } from '../source/file.js';
import { passChunks } from '../source/source.js';

/**
 * The SHA-256 of what an open file holds now, in hexadecimal.
 *
 * @throws SourceError if it shrinks meanwhile
 */
export async function contentHash(handle: FileHandle, signal?: AbortSignal): Promise<string> {
  const source = abortable(await fileSource(handle), signal);
  const hash = createHash('sha256');
  for await (const piece of passChunks(source, 0, source.size)) hash.update(piece);
  return hash.digest('hex');
}
