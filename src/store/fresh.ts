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

/** A random name beside a file. It leaves the file's own name out, which may already have the maximum length. */
export function freshPath(target: string): string {
  const random = Buffer.from(crypto.getRandomValues(new Uint8Array(6))).toString('hex');
  return join(dirname(target), `.gdbm-doctor-${random}.tmp`);
}

const FRESH_NAME = /^\.gdbm-doctor-[0-9a-f]{12}\.tmp$/;

/**
 * Writes all bytes at a file offset; the system may take fewer at a time.
 *
 * @throws NodeJS.ErrnoException
 */
export async function writeAll(handle: FileHandle, offset: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, offset + done);
    done += bytesWritten;
  }
}

/** An open file that is written and read back. Without a name it holds what exceeds memory, and is never synced. */
class TemporaryFile implements Spill {
  protected bytes = 0;
  #isOpen = true;
  readonly #read: (offset: number, bytes: Uint8Array) => Promise<void>;

  /** @param purpose path of the file that is made in the end, for errors */
  constructor(
    readonly handle: FileHandle,
    protected readonly purpose: string,
    protected readonly signal: AbortSignal | undefined,
    private readonly writing = 'write what is remembered of its records beside it',
  ) {
    this.#read = handleReader(handle);
  }

  get size(): number {
    return this.bytes;
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    this.signal?.throwIfAborted();
    try {
      await writeAll(this.handle, offset, bytes);
    } catch (error) {
      throw refusal(error, this.purpose, this.writing);
    }
    this.bytes = Math.max(this.bytes, offset + bytes.length);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
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

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.handle.close();
  }
}

/** Bytes after which the system is asked to write to the disk, while more are being made. */
const SYNC_INTERVAL = 32 << 20;

/**
 * A file in the making: its name is random and only its owner can read it. `close` removes it unless `keep` was called.
 */
export class FreshFile extends TemporaryFile implements Sink {
  #isKept = false;
  #unsynced = 0;
  #syncing: Promise<void> | undefined;
  #syncError: unknown;
  readonly #spills: TemporaryFile[] = [];

  private constructor(
    readonly path: string,
    handle: FileHandle,
    purpose: string,
    signal: AbortSignal | undefined,
  ) {
    super(handle, purpose, signal, 'write the fresh file beside it');
  }

  /**
   * Makes a new file beside `target`. The name is random and must not exist, so that nobody can put something else there
   * first.
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
   * Makes a new file beside `target` that shares the blocks of an open file until either is written to (a reflink). Btrfs,
   * XFS and some others can do that.
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
      // By the descriptor: the name may lead elsewhere by now.
      await copyFile(`/proc/self/fd/${from.fd}`, path, COPYFILE_EXCL | COPYFILE_FICLONE_FORCE);
    } catch {
      // Node has removed the incomplete copy.
      return undefined;
    }
    try {
      handle = await open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
      const { uid, nlink, size } = await handle.stat();
      // In a folder of another user the name may lead to another file of this user by now.
      if (uid !== process.geteuid?.() || nlink !== 1) throw new Error('not the clone');
      await handle.chmod(0o600);
      const fresh = new FreshFile(path, handle, target, signal);
      fresh.bytes = size;
      return fresh;
    } catch {
      await handle?.close();
      await unlink(path).catch(() => {});
      return undefined;
    }
  }

  /** Makes a nameless file beside this one. It is closed with this one at the latest. */
  async spill(): Promise<Spill> {
    const path = freshPath(this.path);
    try {
      const spill = new TemporaryFile(await open(path, 'wx+', 0o600), this.purpose, this.signal);
      this.#spills.push(spill);
      await unlink(path);
      return spill;
    } catch (error) {
      throw folderRefusal(error, dirname(path));
    }
  }

  override async write(offset: number, bytes: Uint8Array): Promise<void> {
    await super.write(offset, bytes);
    this.#unsynced += bytes.length;
    if (this.#unsynced >= SYNC_INTERVAL) this.#beginSync();
  }

  async truncate(size: number): Promise<void> {
    await this.handle.truncate(size);
    this.bytes = size;
  }

  /** Waits until the bytes are on the disk. */
  async sync(): Promise<void> {
    this.signal?.throwIfAborted();
    try {
      await this.#syncing;
      // The kernel reports an error once, perhaps at an earlier sync.
      if (this.#syncError !== undefined) throw this.#syncError as Error;
      await this.handle.sync();
    } catch (error) {
      throw refusal(error, this.purpose, 'sync the fresh file beside it');
    }
  }

  /** Reads the file back while the disk writes it. Both must succeed. */
  async whileSyncing<T>(readBack: () => Promise<T>): Promise<T> {
    const synced = this.sync();
    // Nobody awaits it if reading fails first.
    synced.catch(() => {});
    const after = await readBack();
    await synced;
    return after;
  }

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

  /** Leaves the file in place: it has got its name. */
  keep(): void {
    this.#isKept = true;
  }

  override async close(): Promise<void> {
    await this.#syncing;
    for (const spill of this.#spills) await spill.close();
    await super.close();
    if (!this.#isKept) await unlink(this.path).catch(() => {});
  }
}

/**
 * Checks that a clone, which has the mode of its source until it gets its own, gives nobody any rights in between: the
 * source belongs to this user, who alone can change the mode; it has no set-user-ID bit; its group has no more rights than
 * all others.
 */
function isSafelyCloned({ uid, mode }: Stats): boolean {
  return uid === process.geteuid?.() && (mode & 0o7000) === 0 && ((mode >> 3) & ~mode & 0o7) === 0;
}

/**
 * Copies an open file into a fresh one beside `target`: as a reflink, which takes no space and no time, where the file
 * system supports it; else byte for byte. The caller compares the contents and syncs the file.
 *
 * @param size bytes from the beginning that are copied; all by default
 * @throws RefusedError
 * @throws SourceError if the file shrinks meanwhile
 */
export async function copyBeside(
  target: string,
  from: FileHandle,
  signal?: AbortSignal,
  size?: number,
): Promise<FreshFile> {
  const clone = await FreshFile.cloneBeside(target, from, signal);
  const fresh = clone ?? (await FreshFile.createBeside(target, signal));
  try {
    if (clone === undefined) {
      const source = await fileSource(from);
      let at = 0;
      for await (const piece of passChunks(source, 0, size ?? source.size)) {
        await fresh.write(at, piece);
        at += piece.length;
      }
    } else if (size !== undefined) await clone.truncate(size);
    return fresh;
  } catch (error) {
    await fresh.close();
    throw error;
  }
}

/** Milliseconds without a write after which the maker of a fresh file must be gone. */
const ABANDONED = 60 * 60 * 1000;

/**
 * Removes fresh files that a crash left in a folder. Links, and anything but regular files, stay.
 *
 * @returns the number of removed files
 * @throws NodeJS.ErrnoException where the folder cannot be read
 */
export async function removeLeftovers(
  folder: string,
  isLeftover: (stats: Stats) => boolean = isAbandoned,
): Promise<number> {
  let removed = 0;
  for (const name of (await readdir(folder)).filter((one) => FRESH_NAME.test(one))) {
    const path = join(folder, name);
    const stats = await lstat(path).catch(() => undefined);
    if (!stats?.isFile() || !isLeftover(stats)) continue;
    await unlink(path).then(
      () => removed++,
      () => {},
    );
  }
  return removed;
}

function isAbandoned({ mtimeMs }: Stats): boolean {
  return Date.now() - mtimeMs > ABANDONED;
}

/**
 * Removes fresh files that earlier, killed runs left beside a held file. Each is as large as the database, and a container
 * that restarts again and again would fill its volume with them. They belong to this user or, if they were nearly
 * finished, to the database's owner.
 *
 * @returns notes for the operator
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
