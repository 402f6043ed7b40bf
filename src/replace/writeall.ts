import type { FileHandle } from 'node:fs/promises';

/**
 * Writes all of the bytes at a file offset; the system may take fewer at a time.
 *
 * @throws what the system says, as ENOSPC
 */
export async function writeAll(handle: FileHandle, offset: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, offset + done);
    done += bytesWritten;
  }
}
