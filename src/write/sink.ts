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

/** A database that is made in memory. */
export interface MemorySink extends Sink {
  /** A copy of all bytes so far. */
  bytes(): Uint8Array;
}

/**
 * A sink in memory, for small databases, tests and browsers.
 *
 * @example
 * ```ts
 * import { create, memorySink, open } from 'gdbm-doctor/core';
 *
 * const sink = memorySink();
 * const writer = await create(sink, { machine: 'amd64' });
 * await writer.add('colour', 'blue');
 * await writer.finish();
 * const db = await open(sink.bytes());
 * console.log(db.size, await db.has('colour')); // 1 true
 * ```
 */
export function memorySink(): MemorySink {
  let buffer = new Uint8Array(4096);
  let size = 0;
  const sink: MemorySink = {
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
