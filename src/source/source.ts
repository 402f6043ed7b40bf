/**
 * The origin of a file's bytes. The only thing that the readers know of the outside world, so that a file, a
 * piece of memory or a browser's Blob are all the same to them.
 */
export interface Source {
  /** Bytes; fixed while the source is open. */
  readonly size: number;
  /**
   * Reads exactly `length` bytes at file offset `offset`. Nobody changes what it gives, which may be the source's own memory.
   *
   * @throws SourceError if the range is not inside the source
   */
  read(offset: number, length: number): Promise<Uint8Array>;
  /**
   * Fills `into` with the bytes at a file offset, as {@link read} would give them, where the source can do without new
   * memory for them: the engine collects buffers late, so that a pass over a large file would leave 64 MiB of them.
   *
   * @throws SourceError as {@link read} does
   */
  readInto?(offset: number, into: Uint8Array): Promise<void>;
  /**
   * The ranges, in order, that read as zeros because the disk cannot read them; see `ReadAround`. A source without it has none.
   */
  readonly unreadable?: () => readonly { readonly offset: number; readonly length: number }[];
}

/**
 * A source could not deliver bytes that it should have: they are outside of it, or it gave others than it was asked for, as
 * where a file shrank. What a source itself throws, such as the file system's own errors, is passed on as it is.
 */
export class SourceError extends Error {
  override readonly name = 'SourceError';
}

/** Refuses a range that is not inside the source. */
export function requireRange(source: Source, offset: number, length: number): void {
  if (!(offset >= 0 && length >= 0 && offset + length <= source.size)) {
    throw new SourceError(
      `expected a range inside ${source.size} bytes, found ${length} bytes at offset ${offset}`,
    );
  }
}

/**
 * Refuses an answer that is not what was asked for.
 *
 * @throws SourceError
 */
function requireAnswer(bytes: unknown, offset: number, length: number): Uint8Array {
  if (bytes instanceof Uint8Array && bytes.length === length) return bytes;
  const found = bytes instanceof Uint8Array ? `${bytes.length}` : 'something that is no Uint8Array';
  throw new SourceError(
    `expected ${length} bytes at offset ${offset}, found ${found}: a source's read gives all that it is asked for`,
  );
}

/** Reads what there is of `length` bytes at `offset`: fewer at the end of the source, none past it. */
export async function readUpTo(source: Source, offset: number, length: number): Promise<Uint8Array> {
  const available = Math.max(0, Math.min(length, source.size - offset));
  return available === 0 ? new Uint8Array(0) : source.read(offset, available);
}

/**
 * Reads a range in pieces, as {@link readChunks} does, which all may be in the same memory: each is only valid until the
 * next one is asked for.
 */
export async function* passChunks(
  source: Source,
  offset: number,
  length: number,
  chunkSize = 1 << 18,
): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(source.readInto === undefined ? 0 : Math.min(chunkSize, length));
  for (let done = 0; done < length; done += chunkSize) {
    yield await fill(source, offset + done, Math.min(chunkSize, length - done), buffer);
  }
}

/** Reads as many bytes as `target` has, into it, from whatever source. */
export async function readInto(source: Source, offset: number, target: Uint8Array): Promise<void> {
  if (source.readInto !== undefined) await source.readInto(offset, target);
  else target.set(await source.read(offset, target.length));
}

/**
 * Reads bytes into `buffer`, which has room for them, if the source can; else as it does.
 *
 * @throws SourceError where it gives fewer or more: who reads on behind them would never come to an end
 */
export async function fill(
  source: Source,
  offset: number,
  length: number,
  buffer: Uint8Array,
): Promise<Uint8Array> {
  if (source.readInto === undefined) return requireAnswer(await source.read(offset, length), offset, length);
  const bytes = buffer.subarray(0, length);
  await source.readInto(offset, bytes);
  return bytes;
}

/** Reads a range in pieces of at most `chunkSize` bytes, so that its size needs no memory. */
export async function* readChunks(
  source: Source,
  offset: number,
  length: number,
  chunkSize = 1 << 20,
): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < length; done += chunkSize) {
    yield await source.read(offset + done, Math.min(chunkSize, length - done));
  }
}

/** A source over bytes in memory; reads are views, not copies. */
export function memorySource(bytes: Uint8Array): Source {
  const source: Source = {
    size: bytes.length,
    async read(offset, length) {
      requireRange(source, offset, length);
      return bytes.subarray(offset, offset + length);
    },
  };
  return source;
}

/** The part of a browser's Blob or File that is needed. */
export interface BlobLike {
  readonly size: number;
  slice(start: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

/** A source over a Blob, such as a file that a person chose in a browser. */
export function blobSource(blob: BlobLike): Source {
  const source: Source = {
    size: blob.size,
    async read(offset, length) {
      requireRange(source, offset, length);
      return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
    },
  };
  return source;
}

/** The checked source of each source, so that none is checked twice. */
const made = new WeakMap<Source, Source>();

/**
 * A source whose answers are held against what was asked. One that somebody else made may give fewer bytes than it should, as
 * many ways to read do, and what is missing would look like damage, or like a shorter value.
 *
 * @throws SourceError where its size is none; its reads throw one where they are not what was asked for
 */
export function exact(source: Source): Source {
  const { size } = source;
  const before = made.get(source);
  // A source that is written to grows.
  if (before !== undefined && before.size === size) return before;
  if (!(Number.isSafeInteger(size) && size >= 0)) {
    throw new SourceError(`expected the size of the source as a whole number of bytes, found ${size}`);
  }
  const checked: Source = {
    size,
    async read(offset, length) {
      return requireAnswer(await source.read(offset, length), offset, length);
    },
    ...(source.unreadable && { unreadable: source.unreadable }),
    // `readInto` reports short reads itself.
    ...(source.readInto !== undefined && {
      readInto: (offset: number, into: Uint8Array) => source.readInto!(offset, into),
    }),
  };
  made.set(source, checked).set(checked, checked);
  return checked;
}

/** A source whose next read fails once `signal` is aborted. */
export function abortable(source: Source, signal: AbortSignal | undefined): Source {
  if (signal === undefined) return source;
  return {
    size: source.size,
    ...(source.unreadable && { unreadable: source.unreadable }),
    read(offset, length) {
      signal.throwIfAborted();
      return source.read(offset, length);
    },
    ...(source.readInto !== undefined && {
      async readInto(offset: number, into: Uint8Array) {
        signal.throwIfAborted();
        await source.readInto!(offset, into);
      },
    }),
  };
}

/**
 * The same source, which reports how much of it was read.
 *
 * @param passes how many times the work reads all of it
 */
export function reportReading<S extends Source>(
  source: S,
  report: ((step: string, doneBytes: number, allBytes: number) => void) | undefined,
  passes = 1,
): S {
  if (report === undefined) return source;
  const { size } = source;
  let done = 0;
  const count = (bytes: number) => {
    done += bytes;
    if (done <= passes * size) report('reading', done, passes * size);
  };
  return {
    ...source,
    read(offset: number, length: number) {
      count(length);
      return source.read(offset, length);
    },
    ...(source.readInto !== undefined && {
      readInto(offset: number, into: Uint8Array) {
        count(into.length);
        return source.readInto!(offset, into);
      },
    }),
  };
}
