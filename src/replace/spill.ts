import type { FileHandle } from 'node:fs/promises';
import type { Spill } from '../write/sink.js';
import { handleReader } from '../source/file.js';
import { requireRange } from '../source/source.js';
import { refusal } from './errors.js';
import { writeAll } from './writeall.js';

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
