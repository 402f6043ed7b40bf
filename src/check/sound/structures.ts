import type { SpaceKind } from '../space.js';
import { Extents } from './extents.js';
import { FreeParts, LONGEST } from './freeparts.js';

/** What is no record of a database that may be in order. */
export class Structures {
  /** All but short ranges of free space. */
  readonly extents: Extents;
  /** Short ranges of free space, of which there may be as many as half of the records. */
  readonly free: FreeParts;

  /** @param size of the file in bytes */
  constructor(size: number) {
    this.extents = new Extents(size);
    this.free = new FreeParts(size);
  }

  /** Adds a range inside the file; an empty one is none. */
  add(kind: SpaceKind, offset: number, length: number): void {
    if (kind === 'free' && length > 0 && length <= LONGEST) this.free.add(offset, length);
    else this.extents.add(kind, offset, length);
  }
}
