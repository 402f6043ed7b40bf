import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Sink } from '../build/sink.js';
import { requireRange, SourceError } from '../source/source.js';
import { refusal } from './errors.js';

/**
 * A file that is being made: nobody knows its name yet and nobody else can read it. It is removed unless it is
 * kept.
 */
export class FreshFile implements Sink {
  #size = 0;
  #done = false;

  private constructor(
    readonly path: string,
    readonly handle: FileHandle,
    /** The file it is made for, which errors name. */
    readonly purpose: string,
    readonly signal: AbortSignal | undefined,
  ) {}

  /**
   * Makes a new file beside `target`, private to its maker. The name is random and must not exist, so that
   * nobody can put something else there first.
   *
   * @param signal ends the next read, write or sync
   * @throws RefusedError
   */
  static async createBeside(target: string, signal?: AbortSignal): Promise<FreshFile> {
    // Not made of the target's name, which may be as long as a name can be.
    const name = `.gdbm-doctor-${randomBytes(6).toString('hex')}.tmp`;
    const path = join(dirname(target), name);
    try {
      return new FreshFile(path, await open(path, 'wx+', 0o600), target, signal);
    } catch (error) {
      throw refusal(error, dirname(target), 'make a file in the folder');
    }
  }

  get size(): number {
    return this.#size;
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    this.signal?.throwIfAborted();
    try {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await this.handle.write(bytes, done, bytes.length - done, offset + done);
        done += bytesWritten;
      }
    } catch (error) {
      throw refusal(error, this.purpose, 'write the fresh file beside it');
    }
    this.#size = Math.max(this.#size, offset + bytes.length);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    this.signal?.throwIfAborted();
    requireRange(this, offset, length);
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const { bytesRead } = await this.handle.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0)
        throw new SourceError(`${this.path}: expected ${length} bytes at ${offset}, found an end`);
      done += bytesRead;
    }
    return bytes;
  }

  /** Gets the bytes onto the disk. */
  async sync(): Promise<void> {
    this.signal?.throwIfAborted();
    try {
      await this.handle.sync();
    } catch (error) {
      throw refusal(error, this.purpose, 'sync the fresh file beside it');
    }
  }

  /** Gives the file an owner and mode; false where it may not give it away. */
  async adopt({ uid, gid, mode }: Pick<Stats, 'uid' | 'gid' | 'mode'>): Promise<boolean> {
    let owned = true;
    const now = await this.handle.stat();
    if (now.uid !== uid || now.gid !== gid) {
      owned = await this.handle.chown(uid, gid).then(
        () => true,
        () => false,
      );
      // A group of one's own can be given although the owner cannot.
      if (!owned && now.gid !== gid) await this.handle.chown(now.uid, gid).catch(() => {});
    }
    // After the owner: a change of owner clears the set-user-id bits.
    await this.handle.chmod(mode & 0o7777);
    return owned;
  }

  /** Says that the file has got its place and must not be removed. */
  keep(): void {
    this.#done = true;
  }

  /** Closes the file, and removes it unless it is kept. */
  async close(): Promise<void> {
    await this.handle.close();
    if (!this.#done) await unlink(this.path).catch(() => {});
  }
}
