import { viewOf } from '../format/struct.js';

/** A view of the memory that was asked for last: many records in a row lie in the same one, for which one view is enough. */
export class RecentView {
  #bytes: Uint8Array = new Uint8Array(0);
  #view = viewOf(this.#bytes);

  of(bytes: Uint8Array): DataView {
    if (bytes !== this.#bytes) this.#view = viewOf((this.#bytes = bytes));
    return this.#view;
  }
}
