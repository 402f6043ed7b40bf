import type { FileHandle } from 'node:fs/promises';
import type { BigIntStats } from 'node:fs';
import { constants, readSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { ReadAround } from './readaround.js';
import type { Source } from './source.js';
import { requireRange, SourceError } from './source.js';

/** Handling of pages that the disk cannot read. */
interface ReadErrorOptions {
  /** They become zeros, which `unreadable` lists; else a read throws. */
  readonly aroundErrors?: boolean;
  /** The whole file is searched for them first; see `orSearched`. */
  readonly isSearched?: boolean;
}

/** A source over an open file. */
export interface FileSource extends Source {
  /**
   * True if a program wrote to the file since it was opened, or put another in its place. Writes through memory that
   * it maps show only when the system flushes them.
   */
  changed(): Promise<boolean>;
  /** Closes the file; what is read afterwards, also by a record's `readValue`, throws a SourceError. */
  close(): Promise<void>;
}

/** With O_NOATIME, which only some systems have and only owners may use, reading keeps the time of the last access. */
const { O_RDONLY, O_NOATIME = 0 } = constants as { O_RDONLY: number; O_NOATIME?: number };

/**
 * Opens a file for reading only, which keeps the time of its last access where the system allows that.
 *
 * @throws NodeJS.ErrnoException as the file system says it
 */
export async function openQuietly(path: string): Promise<FileHandle> {
  try {
    return await open(path, O_RDONLY | O_NOATIME);
  } catch (error) {
    // Only the owner may ask for it.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM' || O_NOATIME === 0) throw error;
    return open(path, O_RDONLY);
  }
}

/**
 * Opens a file for reading only. Its reads throw a SourceError where the file shrank, and else what the file system says. Pages
 * that the disk cannot read are zeros, which `unreadable` lists.
 *
 * @param isSearched whether the whole file is searched for such pages first; see `orSearched`
 * @throws NodeJS.ErrnoException as the file system says it
 */
export async function openFileSource(path: string, isSearched = false): Promise<FileSource> {
  const handle = await openQuietly(path);
  try {
    const before = await handle.stat({ bigint: true });
    const source = await fileSource(handle, { aroundErrors: true, isSearched });
    return {
      ...source,
      changed: async () => !(await isUnchanged(handle, before, path)),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** True if an open file has the size and modification time that it had, and its name still leads to it. */
export async function isUnchanged(handle: FileHandle, before: BigIntStats, path: string): Promise<boolean> {
  const now = await handle.stat({ bigint: true });
  const named = await stat(path, { bigint: true }).catch(() => undefined);
  return (
    now.size === before.size &&
    now.mtimeNs === before.mtimeNs &&
    named?.ino === before.ino &&
    named.dev === before.dev
  );
}

/**
 * Smaller reads are done at once: handing one to another thread and back takes 20 times as long as a read of bytes that
 * the kernel has (measured: 2 µs against 40 µs).
 */
const AT_ONCE = 512 * 1024;
/** After so many milliseconds of them signals and timers get their turn. */
const TURN = 20;

/**
 * A source over a file that somebody else opened and closes; its size is taken now.
 */
export async function fileSource(
  handle: FileHandle,
  { aroundErrors = false, isSearched = false }: ReadErrorOptions = {},
): Promise<Source> {
  const { size } = await handle.stat();
  const around = aroundErrors ? new ReadAround(handleReader(handle), size, isSearched) : undefined;
  const readFrom = around?.readInto ?? handleReader(handle);
  const readInto = (offset: number, bytes: Uint8Array): Promise<void> => {
    requireRange(source, offset, bytes.length);
    return readFrom(offset, bytes);
  };
  const source: Source = {
    size,
    async read(offset, length) {
      requireRange(source, offset, length);
      // Not set to zero first, which takes as long as reading: every byte is read below, or an error is thrown.
      const bytes = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
      await readInto(offset, bytes);
      return bytes;
    },
    readInto,
    ...(around && { unreadable: around.unreadable }),
  };
  return source;
}

/**
 * Fills bytes from an open file.
 *
 * @throws SourceError where the file ends before, or was closed
 */
export function handleReader(handle: FileHandle): (offset: number, bytes: Uint8Array) => Promise<void> {
  // The system's own clock of performance takes milliseconds to load.
  let turn = Date.now();
  return async (offset, bytes) => {
    const { length } = bytes;
    const now = Date.now();
    if (now - turn >= TURN || now < turn) {
      await setImmediate();
      turn = now;
    }
    if (handle.fd < 0) throw new SourceError('expected an open file, found one that was closed');
    const atOnce = length <= AT_ONCE;
    let done = 0;
    while (done < length) {
      const bytesRead = atOnce
        ? readSync(handle.fd, bytes, done, length - done, offset + done)
        : (await handle.read(bytes, done, length - done, offset + done)).bytesRead;
      // Another program cut the file while it was being read.
      if (bytesRead === 0) {
        throw new SourceError(
          `expected ${length} bytes at offset ${offset}, found the end of the file after ${done}: ` +
            `the file shrank while it was being read`,
        );
      }
      done += bytesRead;
    }
  };
}
