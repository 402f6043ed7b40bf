import type { Source } from './source.js';
import { requireRange } from './source.js';

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
