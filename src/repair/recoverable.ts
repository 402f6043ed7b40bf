import type { HashClaims } from '../database/claims.js';
import type { Addition } from '../salvage/salvage.js';
import { ADDITIONS } from '../salvage/salvage.js';

/** Hashes that are remembered, of lost records and of those that bring them back: 1 << 20 take some 50 MiB. */
const REMEMBERED = 1 << 20;

/** Lost records that can be had all the same, and by what. */
export interface Recoverable {
  readonly records: number;
  readonly include: readonly Addition[];
}

/**
 * Lost keys of which an old or a carved record was found, by their hashes: what a repair would bring back if it was
 * asked to. A deleted record of a bucket that is there brings back nothing that is missing.
 */
export class RecoverableKeys {
  readonly #claims: Pick<HashClaims, 'ownerOf'> | undefined;
  readonly #lost = new Set<number>();
  /** For each hash a bit of each addition that has a record of it. */
  readonly #found = new Map<number, number>();

  /** @param claims which hashes have a bucket; all where it is left out */
  constructor(claims?: Pick<HashClaims, 'ownerOf'>) {
    this.#claims = claims;
  }

  /** Takes the hash of a record that cannot be kept. */
  lose(hash: number): void {
    if (this.#lost.size < REMEMBERED) this.#lost.add(hash);
  }

  /** Takes a record that could be added; all that are lost must be known before. */
  take(hash: number, addition: Addition): void {
    if (hash < 0) return;
    const isMissing = this.#lost.has(hash) || (this.#claims && this.#claims.ownerOf(hash) === undefined);
    if (!isMissing) return;
    const before = this.#found.get(hash);
    if (before === undefined && this.#found.size === REMEMBERED) return;
    this.#found.set(hash, (before ?? 0) | bitOf(addition));
  }

  /** What would come back by what is not included. */
  beyond(include: readonly Addition[]): Recoverable {
    const others = ADDITIONS.filter((one) => !include.includes(one));
    const included = this.count(include);
    const more = (additions: readonly Addition[]) => this.count([...include, ...additions]) - included;
    // The fewest additions that bring all back, the most certain first.
    const needed: Addition[] = [];
    for (const one of others) if (more([...needed, one]) > more(needed)) needed.push(one);
    return { records: more(needed), include: needed };
  }

  /** How many lost keys come back if all this is included. */
  count(include: readonly Addition[]): number {
    const wanted = include.reduce((bits, one) => bits | bitOf(one), 0);
    let count = 0;
    for (const bits of this.#found.values()) if ((bits & wanted) !== 0) count++;
    return count;
  }
}

function bitOf(addition: Addition): number {
  return 1 << ADDITIONS.indexOf(addition);
}
