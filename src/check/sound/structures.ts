import type { SpaceKind } from '../space.js';
import { Extents } from './extents.js';
import { FreeParts, LONGEST } from './freeparts.js';
import { MAX_PARTS, PART } from './parts.js';

/** Ranges that are no record, of which none has a rank. */
export class Structures {
  /** All but short ranges of free space. */
  readonly extents: Extents;
  /** Short ranges of free space, of which there may be as many as half of the records. */
  readonly free: FreeParts;
  readonly #isParted: boolean;

  /** @param size of the file in bytes */
  constructor(size: number) {
    this.extents = new Extents(size);
    // A larger file would have more parts than there is room for.
    this.#isParted = size / PART < MAX_PARTS;
    this.free = new FreeParts(this.#isParted ? size : 0);
  }

  /** Adds a range inside the file; an empty one is none. */
  add(kind: SpaceKind, offset: number, length: number): void {
    if (this.#isParted && kind === 'free' && length > 0 && length <= LONGEST) this.free.add(offset, length);
    else this.extents.add(kind, offset, length);
  }
}
