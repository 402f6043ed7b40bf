/**
 * Where a file's bytes come from. The only thing that the readers know of the outside world, so that a file, a
 * piece of memory or a browser's Blob are all the same to them.
 */
export interface Source {
  /** Bytes; fixed while the source is open. */
  readonly size: number;
  /**
   * Reads exactly `length` bytes at file offset `offset`.
   *
   * @throws SourceError if the range is not inside the source or cannot be read
   */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** The same into memory that the caller has, all of `target`; not every source has it, see {@link readInto}. */
  readInto?(offset: number, target: Uint8Array): Promise<void>;
}

/** Reads as many bytes as `target` has, into it. */
export async function readInto(source: Source, offset: number, target: Uint8Array): Promise<void> {
  if (source.readInto !== undefined) await source.readInto(offset, target);
  else target.set(await source.read(offset, target.length));
}

/** A source could not deliver bytes that it should have. */
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

/** Reads what there is of `length` bytes at `offset`: fewer at the end of the source, none past it. */
export async function readUpTo(source: Source, offset: number, length: number): Promise<Uint8Array> {
  const available = Math.max(0, Math.min(length, source.size - offset));
  return available === 0 ? new Uint8Array(0) : source.read(offset, available);
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
