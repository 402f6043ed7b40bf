import type { DumpWriter, OutputBuffer } from './dump.js';

/** Bytes of a key or value that is shown as data, at most; a larger one is base64. */
const MOST_READABLE = 16 << 20;

/**
 * Writes lines of JSON for people and other programs, `{"name": …, "data": …}`: a text as a string, JSON and pickles as data.
 * The names differ from those of `ndjson`, because nothing can be loaded of it.
 *
 * @param readable a key or value as JSON on one line
 */
export function readableWriter(readable: (bytes: Uint8Array, which: 'key' | 'value') => string): DumpWriter {
  let held: Uint8Array | undefined;
  let used = 0;
  return {
    head() {},
    begin(out, which, size) {
      out.text(which === 'key' ? '{"name":' : ',"data":');
      held = size <= MOST_READABLE ? new Uint8Array(size) : undefined;
      used = 0;
      if (held === undefined) out.text('{"$bytes":"');
    },
    piece(out, bytes, from, to) {
      if (held === undefined) out.base64(bytes, from, to);
      else held.set(bytes.subarray(from, to), used);
      used += to - from;
    },
    end(out: OutputBuffer, which) {
      out.text(held === undefined ? '"}' : readable(held, which));
      held = undefined;
      if (which === 'value') out.text('}\n');
    },
    tail() {},
  };
}
