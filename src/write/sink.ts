import type { Source } from '../source/source.js';
import { requireRange } from '../source/source.js';

/** The place of a fresh database: a file, or memory. Written bytes can be read back. */
export interface Sink extends Source {
  /** Writes all bytes at file offset `offset`; the size grows to hold them. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** Makes a temporary file for data that does not fit in memory. Without it everything stays in memory. */
  spill?(): Promise<Spill>;
}

/** A nameless file that exists while another one is made. */
export interface Spill extends Sink {
  /** Gives the room back; a second call does nothing. */
  close(): Promise<void>;
}

/** A sink in memory, for tests and for a browser. */
export function memorySink(): Sink & { bytes(): Uint8Array } {
  let buffer = new Uint8Array(4096);
  let size = 0;
  const sink: ReturnType<typeof memorySink> = {
    get size() {
      return size;
    },
    async read(offset, length) {
      requireRange(sink, offset, length);
      return buffer.slice(offset, offset + length);
    },
    async write(offset, bytes) {
      const end = offset + bytes.length;
      if (end > buffer.length) {
        const bigger = new Uint8Array(Math.max(end, buffer.length * 2));
        bigger.set(buffer.subarray(0, size));
        buffer = bigger;
      }
      buffer.set(bytes, offset);
      size = Math.max(size, end);
    },
    bytes: () => buffer.slice(0, size),
  };
  return sink;
}

/** Bytes gathered before they are written; the next are gathered meanwhile. */
const BUFFER = 1 << 19;

/** Writes to a sink strictly in order, many small pieces as few large ones. Memory: two buffers of half a MiB. */
export class Appender {
  readonly #sink: Sink;
  #buffer = new Uint8Array(BUFFER);
  #other = new Uint8Array(BUFFER);
  #filled = 0;
  #position: number;
  /** Settles when the bytes that were sent last are written. */
  #written: Promise<void> = Promise.resolve();

  constructor(sink: Sink, position: number) {
    this.#sink = sink;
    this.#position = position;
  }

  /** File offset of the next byte. */
  get position(): number {
    return this.#position + this.#filled;
  }

  /** Copies bytes; the caller may change them afterwards. */
  async append(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      if (this.#filled === BUFFER) await this.#send();
      const part = bytes.subarray(done, done + BUFFER - this.#filled);
      this.#buffer.set(part, this.#filled);
      this.#filled += part.length;
      done += part.length;
    }
  }

  /** Appends zeroes up to the next multiple of `alignment`; returns their number. */
  async align(alignment: number): Promise<number> {
    const padding = (alignment - (this.position % alignment)) % alignment;
    for (let left = padding; left > 0; left -= BUFFER) {
      await this.append(new Uint8Array(Math.min(left, BUFFER)));
    }
    return padding;
  }

  /** Waits until everything is written. */
  async flush(): Promise<void> {
    await this.#send();
    await this.#written;
  }

  /** Sends the gathered bytes as soon as those sent before are written. */
  async #send(): Promise<void> {
    await this.#written;
    if (this.#filled === 0) return;
    this.#written = this.#sink.write(this.#position, this.#buffer.subarray(0, this.#filled));
    // The next send or flush throws this error; if none follows, another error ended the work already.
    this.#written.catch(() => {});
    this.#position += this.#filled;
    this.#filled = 0;
    [this.#buffer, this.#other] = [this.#other, this.#buffer];
  }
}
