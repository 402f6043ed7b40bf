import type { Source } from '../../source/source.js';
import { readInto } from '../../source/source.js';
import type { RecordParts } from './parts.js';
import { keySizeOf, LARGE_KEY, PART, placeOf, ROW } from './parts.js';

/** Where records are so far apart, in bytes, each key is read by itself. */
const FAR = 16 * 1024;

/** The keys of one part of a file in memory, each at its place in the part. */
export class PartKeys {
  readonly bytes: Uint8Array;
  /** The same memory. */
  readonly view: DataView;
  readonly #source: Source;
  readonly #parts: RecordParts;

  constructor(source: Source, parts: RecordParts) {
    this.#source = source;
    this.#parts = parts;
    this.bytes = new Uint8Array(PART + LARGE_KEY);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Reads the keys of the rows of a part, but for large ones. */
  async read(part: number): Promise<void> {
    const base = part * PART;
    const { rows } = this.#parts;
    let first = PART;
    let last = 0;
    let count = 0;
    this.#parts.each(part, (from, end) => {
      for (let row = from; row < end; row += ROW) {
        const place = placeOf(rows[row]);
        const length = keySizeOf(rows[row]);
        if (length === LARGE_KEY) continue;
        if (place < first) first = place;
        if (place + length > last) last = place + length;
        count++;
      }
      return true;
    });
    if (count * FAR >= last - first) {
      if (last > first) await readInto(this.#source, base + first, this.bytes.subarray(first, last));
      return;
    }
    const few: number[] = [];
    this.#parts.each(part, (from, end) => {
      for (let row = from; row < end; row += ROW) if (keySizeOf(rows[row]) !== LARGE_KEY) few.push(row);
      return true;
    });
    for (const row of few) {
      const place = placeOf(rows[row]);
      const end = place + keySizeOf(rows[row]);
      await readInto(this.#source, base + place, this.bytes.subarray(place, end));
    }
  }
}
