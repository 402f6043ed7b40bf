import type { Extent, SpaceKind } from './space.js';
import { MAX_CLAIMS } from './space.js';

/** An extent with the rank by which the claims of an overlap are ordered. */
export interface RankedExtent extends Extent {
  readonly rank: number;
}

/** Who claims bytes: the first of them by rank and the longest of the others, however many there are. */
export class OverlapClaims {
  /** What kinds all of them are. */
  readonly kinds = new Set<SpaceKind>();
  /** The first ones, in order of their ranks. */
  readonly #first: RankedExtent[] = [];
  #longest: RankedExtent | undefined;

  get isEmpty(): boolean {
    return this.#first.length === 0;
  }

  add(one: RankedExtent): void {
    const first = this.#first;
    this.kinds.add(one.kind);
    let rest: RankedExtent | undefined = one;
    if (first.length < MAX_CLAIMS - 1 || one.rank < first[first.length - 1].rank) {
      let i = first.length;
      while (i > 0 && first[i - 1].rank > one.rank) i--;
      first.splice(i, 0, one);
      rest = first.length === MAX_CLAIMS ? first.pop() : undefined;
    }
    if (rest === undefined) return;
    const longest = this.#longest;
    const isLonger = longest === undefined || rest.length > longest.length;
    if (isLonger || (rest.length === longest.length && rest.rank < longest.rank)) this.#longest = rest;
  }

  /** Adds all that another one has seen, of which none was added yet. */
  addAll(other: OverlapClaims): void {
    for (const one of other.#first) this.add(one);
    if (other.#longest !== undefined) this.add(other.#longest);
    for (const kind of other.kinds) this.kinds.add(kind);
  }

  clear(): void {
    this.#first.length = 0;
    this.#longest = undefined;
    this.kinds.clear();
  }

  /** At most {@link MAX_CLAIMS}, the longest among them. */
  told(): Extent[] {
    const all = this.#longest === undefined ? this.#first : [...this.#first, this.#longest];
    return all.map(({ kind, offset, length }) => ({ kind, offset, length }));
  }
}
