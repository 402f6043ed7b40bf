import type { Range } from '../source/gather.js';

const MAX_GAPS = 100;
/** The gaps kept before the smallest of them are dropped. */
const GAPS_HELD = 1024;

/** What no structure accounts for: all of it counted, the largest gaps remembered. */
export class Gaps {
  /** Bytes of all gaps. */
  bytes = 0;
  #largest: Range[] = [];

  add(offset: number, length: number): void {
    this.bytes += length;
    this.#largest.push({ offset, length });
    if (this.#largest.length > GAPS_HELD) this.#dropSmall();
  }

  /** The largest ones, in order of their offsets. */
  largest(): Range[] {
    this.#dropSmall();
    return this.#largest.sort((a, b) => a.offset - b.offset);
  }

  #dropSmall(): void {
    this.#largest = this.#largest.sort((a, b) => b.length - a.length).slice(0, MAX_GAPS);
  }
}
