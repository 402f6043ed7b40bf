import type { BlobLike, Source } from '../source/source.js';
import { abortable, blobSource, exact, memorySource } from '../source/source.js';

/** A database in memory, a Blob (such as a file that a person chose in a browser), or a source of your own. */
export type Input = Uint8Array | BlobLike | Source;

/** Options of everything that takes time. */
export interface WorkOptions {
  /** Ends the work: it throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called with the name of a step and how far it is, in bytes. */
  readonly onProgress?: ((step: string, doneBytes: number, allBytes: number) => void) | undefined;
}

/**
 * The source of an input.
 *
 * @throws TypeError if it is none
 */
export function sourceOf(input: Input, { signal }: WorkOptions = {}): Source {
  return abortable(exact(plainSource(input)), signal);
}

function plainSource(input: Input): Source {
  // Slices of a Buffer are views of it; those of a plain array are copies.
  if (input instanceof Uint8Array) {
    return memorySource(new Uint8Array(input.buffer, input.byteOffset, input.byteLength));
  }
  if (typeof input === 'object' && input !== null) {
    if ('read' in input && typeof input.read === 'function') return input;
    if ('slice' in input && typeof input.slice === 'function') return blobSource(input);
  }
  throw new TypeError('expected bytes, a Blob or a source { size, read(offset, length) }');
}

const utf8 = new TextEncoder();

/**
 * The bytes of a key or value: text is encoded as UTF-8.
 *
 * @throws TypeError if it is neither text nor bytes
 */
export function bytesOf(text: string | Uint8Array): Uint8Array {
  if (typeof text === 'string') return utf8.encode(text);
  if (text instanceof Uint8Array) return text;
  throw new TypeError(`expected a string or a Uint8Array, found ${typeof text}`);
}
