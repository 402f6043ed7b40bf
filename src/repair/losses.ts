import type { LostRecords } from '../check/losses.js';
import type { HashClaims } from '../database/claims.js';
import type { Addition } from '../salvage/salvage.js';
import { ADDITIONS } from '../salvage/salvage.js';
import type { RepairOptions } from './result.js';

/** Hashes held of lost records, and of records that bring them back: so many take 50 MiB. */
const MAX_HASHES = 1 << 20;

/** Lost records that could be brought back, and by which additions. */
export interface Recoverable {
  readonly records: number;
  readonly include: readonly Addition[];
}

/**
 * Lost keys, by their hashes, of which an old or a carved record was found: a repair can add them. A deleted record of a
 * bucket that is there brings back nothing that is missing.
 */
export class RecoverableKeys {
  readonly #claims: Pick<HashClaims, 'ownerOf'> | undefined;
  readonly #lost = new Set<number>();
  /** A bit for each addition that has a record of the hash. */
  readonly #found = new Map<number, number>();

  /** @param claims the hashes that have a bucket; all where it is left out */
  constructor(claims?: Pick<HashClaims, 'ownerOf'>) {
    this.#claims = claims;
  }

  /** Adds the hash of a record that cannot be kept. */
  addLost(hash: number): void {
    if (this.#lost.size < MAX_HASHES) this.#lost.add(hash);
  }

  /** Adds a record that could be added; all lost ones must be known before. */
  addFound(hash: number, addition: Addition): void {
    if (hash < 0) return;
    const isMissing = this.#lost.has(hash) || (this.#claims && this.#claims.ownerOf(hash) === undefined);
    if (!isMissing) return;
    const before = this.#found.get(hash);
    if (before === undefined && this.#found.size === MAX_HASHES) return;
    this.#found.set(hash, (before ?? 0) | bitOf(addition));
  }

  /** The lost records that additions which are not included would bring back. */
  beyond(include: readonly Addition[]): Recoverable {
    const others = ADDITIONS.filter((one) => !include.includes(one));
    const included = this.count(include);
    const more = (additions: readonly Addition[]) => this.count([...include, ...additions]) - included;
    // The fewest additions that bring all of them back, the most certain first.
    const needed: Addition[] = [];
    for (const one of others) if (more([...needed, one]) > more(needed)) needed.push(one);
    return { records: more(needed), include: needed };
  }

  /** The number of lost keys that come back if all these are included. */
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

/**
 * The reason for which the user's limit forbids the repair; undefined if it does not. Values that are probably damaged count
 * as lost.
 *
 * @param kept records of the database that are kept, without additions
 */
export function exceedsLimit(
  { records, estimated, missing, likelyDamaged }: LostRecords,
  kept: number,
  limit: RepairOptions['maxLoss'],
): string | undefined {
  if (limit === undefined) return undefined;
  const all = kept + records + (estimated ?? 0);
  const most =
    'records' in limit
      ? `${limit.records} records`
      : `${Number((limit.share * 100).toPrecision(12))} % of the records`;
  if (missing === null) {
    return `At most ${most} may be lost, and how many would be cannot be told. Nothing was changed.`;
  }
  // A share such as 29 % is no binary fraction: a loss of just that share must pass.
  const allowed = 'records' in limit ? limit.records : limit.share * all * (1 + Number.EPSILON * 4);
  if (missing + likelyDamaged <= allowed) return undefined;
  const damaged = likelyDamaged === 0 ? '' : `, and about ${likelyDamaged} more would have a damaged value`;
  return `At most ${most} may be lost, but ${missing} of ${all} would be${damaged}. Nothing was changed.`;
}
