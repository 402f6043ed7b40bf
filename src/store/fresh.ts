import type { Stats } from 'node:fs';
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { copyFile, lstat, open, readdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileSource, handleReader } from '../source/file.js';
import { passChunks, requireRange } from '../source/source.js';
import type { Sink, Spill } from '../write/sink.js';
import { folderRefusal, refusal } from './errors.js';
import type { HeldFile } from './held.js';

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

/** A nameless file for what memory has no room for while a fresh file is made: nothing of it need reach the disk. */
export class SpillFile implements Spill {
  #size = 0;
  #isOpen = true;
  readonly #read: (offset: number, bytes: Uint8Array) => Promise<void>;

  /** @param purpose the file that is made in the end, which errors name */
  constructor(
    readonly handle: FileHandle,
    readonly purpose: string,
    readonly signal: AbortSignal | undefined,
  ) {
    this.#read = handleReader(handle);
  }

  get size(): number {
    return this.#size;
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    this.signal?.throwIfAborted();
    try {
      await writeAll(this.handle, offset, bytes);
    } catch (error) {
      throw refusal(error, this.purpose, 'write what is remembered of its records beside it');
    }
    this.#size = Math.max(this.#size, offset + bytes.length);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    await this.readInto(offset, bytes);
    return bytes;
  }

  async readInto(offset: number, target: Uint8Array): Promise<void> {
    this.signal?.throwIfAborted();
    requireRange(this, offset, target.length);
    await this.#read(offset, target);
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.handle.close();
  }
}

/**
 * A random name beside a file, for one that is being made. It does not contain the file's name, which may be as long as a name
 * can be.
 */
export function freshPath(target: string): string {
  const random = Buffer.from(crypto.getRandomValues(new Uint8Array(6))).toString('hex');
  return join(dirname(target), `.gdbm-doctor-${random}.tmp`);
}

/** Whether a file's name is one that files in the making have: what has it and is at rest, a crash left. */
export function isFreshName(name: string): boolean {
  return /^\.gdbm-doctor-[0-9a-f]{12}\.tmp$/.test(name);
}

/**
 * Whether a clone of a file, which has the file's mode until it gets its own, gives nobody anything in between: it
 * belongs to this user, who alone can change the mode, has no set-user-ID bit, and its group has what all others have.
 */
function isSafelyCloned({ uid, mode }: Stats): boolean {
  return uid === process.geteuid?.() && (mode & 0o7000) === 0 && ((mode >> 3) & ~mode & 0o7) === 0;
}

/** Bytes after which those written so far are sent to the disk while the next are made. */
const BEHIND = 32 << 20;

/**
 * A file that is being made: nobody knows its name yet and nobody else can read it. It is removed unless it is
 * kept.
 */
export class FreshFile implements Sink {
  #size = 0;
  #done = false;
  readonly #read: (offset: number, bytes: Uint8Array) => Promise<void>;
  #unsynced = 0;
  #syncing: Promise<void> | undefined;
  #syncError: unknown;
  readonly #spills: SpillFile[] = [];

  private constructor(
    readonly path: string,
    readonly handle: FileHandle,
    /** The file it is made for, which errors name. */
    readonly purpose: string,
    readonly signal: AbortSignal | undefined,
  ) {
    this.#read = handleReader(handle);
  }

  /**
   * Makes a new file beside `target`, private to its maker. The name is random and must not exist, so that
   * nobody can put something else there first.
   *
   * @param signal ends the next read, write or sync
   * @throws RefusedError
   */
  static async createBeside(target: string, signal?: AbortSignal): Promise<FreshFile> {
    const path = freshPath(target);
    try {
      return new FreshFile(path, await open(path, 'wx+', 0o600), target, signal);
    } catch (error) {
      throw folderRefusal(error, dirname(target));
    }
  }

  /**
   * Makes a new file beside `target` that shares the blocks of an open one until either is written to (a reflink), as
   * Btrfs, XFS and others can.
   *
   * @returns undefined where that is not possible
   */
  static async cloneBeside(
    target: string,
    from: FileHandle,
    signal?: AbortSignal,
  ): Promise<FreshFile | undefined> {
    if (!isSafelyCloned(await from.stat())) return undefined;
    const path = freshPath(target);
    const { COPYFILE_EXCL, COPYFILE_FICLONE_FORCE, O_RDWR, O_NOFOLLOW, O_NONBLOCK } = constants;
    let handle: FileHandle | undefined;
    try {
      // By the open file, not by its name, which could lead elsewhere by now.
      await copyFile(`/proc/self/fd/${from.fd}`, path, COPYFILE_EXCL | COPYFILE_FICLONE_FORCE);
    } catch {
      // Node has removed what it made of it.
      return undefined;
    }
    try {
      handle = await open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
      const { uid, nlink, size } = await handle.stat();
      // In a folder of others the name could lead to another file of this user by now.
      if (uid !== process.geteuid?.() || nlink !== 1) throw new Error('not the clone');
      await handle.chmod(0o600);
      const fresh = new FreshFile(path, handle, target, signal);
      fresh.#size = size;
      return fresh;
    } catch {
      await handle?.close();
      await unlink(path).catch(() => {});
      return undefined;
    }
  }

  get size(): number {
    return this.#size;
  }

  /** Makes a nameless file beside this one, for what memory has no room for; it is gone with this one at the latest. */
  async spill(): Promise<SpillFile> {
    const path = freshPath(this.path);
    try {
      const spill = new SpillFile(await open(path, 'wx+', 0o600), this.purpose, this.signal);
      this.#spills.push(spill);
      // Where an open file keeps its name, it goes when it is closed.
      await unlink(path);
      return spill;
    } catch (error) {
      throw folderRefusal(error, dirname(path));
    }
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    this.signal?.throwIfAborted();
    try {
      await writeAll(this.handle, offset, bytes);
    } catch (error) {
      throw refusal(error, this.purpose, 'write the fresh file beside it');
    }
    this.#size = Math.max(this.#size, offset + bytes.length);
    this.#unsynced += bytes.length;
    if (this.#unsynced >= BEHIND) this.#beginSync();
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    this.signal?.throwIfAborted();
    requireRange(this, offset, length);
    const bytes = new Uint8Array(length);
    await this.readInto(offset, bytes);
    return bytes;
  }

  async readInto(offset: number, target: Uint8Array): Promise<void> {
    this.signal?.throwIfAborted();
    requireRange(this, offset, target.length);
    await this.#read(offset, target);
  }

  /** Gets the bytes onto the disk. */
  async sync(): Promise<void> {
    this.signal?.throwIfAborted();
    try {
      await this.#syncing;
      // The kernel tells an error once, and may have told it before the last sync.
      if (this.#syncError !== undefined) throw this.#syncError as Error;
      await this.handle.sync();
    } catch (error) {
      throw refusal(error, this.purpose, 'sync the fresh file beside it');
    }
  }

  /** Reads the file back while the disk writes it; it is as it should be only if both end well. */
  async whileSyncing<T>(readBack: () => Promise<T>): Promise<T> {
    const synced = this.sync();
    // If reading ends first, by an error, nobody waits for this one.
    synced.catch(() => {});
    const after = await readBack();
    await synced;
    return after;
  }

  /** What is sent to the disk early is not waited for at the end. */
  #beginSync(): void {
    if (this.#syncing !== undefined) return;
    this.#unsynced = 0;
    this.#syncing = this.handle.datasync().then(
      () => (this.#syncing = undefined),
      (error: unknown) => {
        this.#syncError ??= error;
        this.#syncing = undefined;
      },
    );
  }

  /** Says that the file has got its place and must not be removed. */
  keep(): void {
    this.#done = true;
  }

  /** Closes the file, and removes it unless it is kept. */
  async close(): Promise<void> {
    await this.#syncing;
    for (const spill of this.#spills) await spill.close();
    await this.handle.close();
    if (!this.#done) await unlink(this.path).catch(() => {});
  }
}

/** A file that is being made looks like one that a crash left, but not for so many milliseconds. */
const ABANDONED = 60 * 60 * 1000;

/** Whether nobody has written to a file for so long that whoever was making it must be gone. */
export function isAbandoned({ mtimeMs }: Stats): boolean {
  return Date.now() - mtimeMs > ABANDONED;
}

/**
 * Removes files in a folder that were being made and never got a name. Links, and what is no regular file, are none.
 *
 * @returns how many
 * @throws NodeJS.ErrnoException where the folder cannot be read
 */
export async function removeLeftovers(folder: string, mayGo: (stats: Stats) => boolean): Promise<number> {
  let removed = 0;
  for (const name of (await readdir(folder)).filter(isFreshName)) {
    const path = join(folder, name);
    const stats = await lstat(path).catch(() => undefined);
    if (!stats?.isFile() || !mayGo(stats)) continue;
    await unlink(path).then(
      () => removed++,
      () => {},
    );
  }
  return removed;
}

/**
 * Before a fresh file is made beside a held one: removes what earlier ones that were killed left there. Each is as large
 * as the database, and a container that starts over and over would fill its volume with them. They belong to this user,
 * or to the database's, whom a finished one is given to.
 *
 * @returns what the operator should know
 */
export async function clearBeside({ realPath, stats }: HeldFile): Promise<string[]> {
  const owners = [stats.uid, process.getuid?.()];
  const removed = await removeLeftovers(
    dirname(realPath),
    (left) => owners.includes(left.uid) && isAbandoned(left),
  ).catch(() => 0);
  if (removed === 0) return [];
  const what = removed === 1 ? 'One file that was' : `${removed} files that were`;
  return [`${what} left half-made beside it more than an hour ago by a repair that was killed: removed.`];
}

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
