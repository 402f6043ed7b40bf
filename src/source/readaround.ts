import type { Range } from './ranges.js';
import { firstEndingAfter } from './ranges.js';

/** Reads bytes at an offset into an array, as `Source.readInto` does. */
type ReadInto = (offset: number, bytes: Uint8Array) => Promise<void>;

/** Bytes of a page: the kernel reads a disk in pages, and a bad sector costs the page it is in. */
const PAGE = 4096;
/** Bytes read at once while the whole file is searched for pages that cannot be read. */
const CHUNK = 1 << 16;

/**
 * Reads a file on a disk that cannot read all of it:
 *
 * 1. The first read error has the whole file searched for pages that cannot be read.
 * 2. From then on those pages read as zeros, and `unreadable` lists them, so that a reader knows which bytes are not the file's.
 *
 * A value that was judged before the first error would be called whole though it is not. Therefore a read error is thrown after the
 * list was asked for and was empty; `orSearched` then starts again with a file that is searched first.
 */
export class ReadAround {
  readonly #read: ReadInto;
  readonly #size: number;
  readonly #isSearched: boolean;
  #search: Promise<Range[]> | undefined;
  #found: readonly Range[] = [];
  #isAsked = false;

  /**
   * @param read throws an error with the code `EIO` if the disk cannot read some of the bytes
   * @param size bytes of the file
   * @param isSearched whether the file is searched at the first read, and not only at the first error
   */
  constructor(read: ReadInto, size: number, isSearched = false) {
    this.#read = read;
    this.#size = size;
    this.#isSearched = isSearched;
  }

  /** The ranges that cannot be read, in order, as far as read errors showed that there are any. */
  readonly unreadable = (): readonly Range[] => {
    this.#isAsked = true;
    return this.#found;
  };

  readonly readInto: ReadInto = async (offset, bytes) => {
    if (this.#search === undefined && !this.#isSearched) {
      try {
        return await this.#read(offset, bytes);
      } catch (error) {
        if (!isReadError(error) || (this.#isAsked && this.#found.length === 0)) throw error;
      }
    }
    this.#found = await (this.#search ??= this.#searchAll());
    await this.#fill(offset, bytes);
  };

  async #searchAll(): Promise<Range[]> {
    const found: { offset: number; length: number }[] = [];
    const buffer = new Uint8Array(CHUNK);
    for (let at = 0; at < this.#size; at += CHUNK) {
      const end = Math.min(at + CHUNK, this.#size);
      if (await this.#isReadable(at, buffer.subarray(0, end - at))) continue;
      for (let page = at; page < end; page += PAGE) {
        const length = Math.min(PAGE, end - page);
        if (await this.#isReadable(page, buffer.subarray(0, length))) continue;
        const last = found.at(-1);
        if (last !== undefined && last.offset + last.length === page) last.length += length;
        else found.push({ offset: page, length });
      }
    }
    return found;
  }

  async #isReadable(offset: number, bytes: Uint8Array): Promise<boolean> {
    try {
      await this.#read(offset, bytes);
      return true;
    } catch (error) {
      if (!isReadError(error)) throw error;
      return false;
    }
  }

  /** Reads the bytes between the unreadable ranges; the others become zeros. */
  async #fill(offset: number, bytes: Uint8Array): Promise<void> {
    const end = offset + bytes.length;
    let at = offset;
    for (let i = firstEndingAfter(this.#found, offset); at < end; i++) {
      const bad = this.#found[i] ?? { offset: end, length: 0 };
      const stop = Math.min(end, bad.offset);
      if (stop > at) await this.#read(at, bytes.subarray(at - offset, stop - offset));
      at = Math.min(end, bad.offset + bad.length);
      bytes.fill(0, Math.max(stop, offset) - offset, at - offset);
    }
  }
}

/**
 * Runs something on a source that reads around errors, and once more with a searched one if a read error came too late.
 *
 * @param use is told whether the file is to be searched first
 */
export async function orSearched<T>(use: (isSearched: boolean) => Promise<T>): Promise<T> {
  try {
    return await use(false);
  } catch (error) {
    if (!isReadError(error)) throw error;
    return use(true);
  }
}

function isReadError(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'EIO';
}
