import { resolve } from 'node:path';
import type { CheckResult } from '../check/check.js';
import type { LostRecords } from '../check/losses.js';
import type { RejectedElement } from '../check/marks.js';
import type { WantedProfile } from '../contents.js';
import { requireProfile } from '../contents.js';
import type { BetterCopy } from '../copies.js';
import type { Report } from '../source/sweep.js';
import type { ProfileResult } from '../profile/inspect.js';
import type { LeaveOut, LeftOutReason } from '../profile/leaveout.js';
import { LEAVE_OUT } from '../profile/leaveout.js';
import type { NotKept } from '../write/contents.js';
import type { Recoverable } from './examine.js';
import type { Addition, Provenance } from '../salvage/salvage.js';
import { ADDITIONS } from '../salvage/salvage.js';

export interface RepairOptions {
  /** Writes the fresh database here, a name that must be free, and does not touch the source. */
  readonly output?: string;
  /** Tells the outcome and writes nothing. */
  readonly dryRun?: boolean;
  /** Keeps the source as `NAME.~1~`; the default. */
  readonly backup?: boolean;
  /** Seconds to wait for another process that holds the file; 0 by default. */
  readonly wait?: number;
  /** Locks the file as libgdbm does; the default. */
  readonly lock?: boolean;
  /** Records that the fresh database gets besides those in force, where none of those has the key. */
  readonly include?: readonly Addition[];
  /**
   * Uses, where no bucket in force is left for a hash, the newest superseded one; the default. It is told in
   * {@link RepairResult.olderState}.
   */
  readonly stale?: boolean;
  /** Keys that may be before a value whose element is gone, besides those that the file itself still knows. */
  readonly expectKeys?: readonly Uint8Array[];
  /**
   * The program whose database it is, or `auto` to find it by the keys: the fresh database is without what that program
   * cannot load. Where it is left out, or `none`, no record is left out.
   */
  readonly profile?: WantedProfile;
  /** The records among these that are left out; `unloadable` by default. */
  readonly leaveOut?: LeaveOut;
  /**
   * Writes all findings that are not in the fresh database to this file, a line of JSON each; the name must be free. Without
   * it, records that are set aside go to `NAME.quarantine.~1~` beside the fresh database, or the first number that is free.
   */
  readonly quarantine?: string;
  /** Refuses to write if more records would be lost: a number, or a share of all records, 0 to 1. */
  readonly maxLoss?: { readonly records: number } | { readonly share: number } | undefined;
  /** Writes a database without records although a copy beside the file has some. */
  readonly empty?: boolean;
  /** The state that the file must still have once it is locked (see `fileState`); else it is refused. */
  readonly ifState?: string | undefined;
  /** Gets the progress of long work. */
  readonly report?: Report | undefined;
  /** Ends the repair; the source is as it was, unless it is already replaced. */
  readonly signal?: AbortSignal;
}

/**
 * `none`: nothing was written. `repaired`: a fresh database was written and verified. `refused`: it is damaged and
 * nothing was written.
 */
export type RepairAction = 'none' | 'repaired' | 'refused';

/** The outcome of a repair. */
export interface RepairResult {
  readonly path: string;
  readonly action: RepairAction;
  /** True if only the limit that the user set refused it. */
  readonly limited?: boolean;
  /** The reason for which nothing was written, or the outcome of a dry run. */
  readonly reason: string | undefined;
  /** The check of the source; with the profile's findings, where a profile was asked for. */
  readonly before: CheckResult;
  /** The contents of the records that can be kept; undefined where no profile was asked for. */
  readonly profile: ProfileResult | undefined;
  /** The check of the fresh database; with the profile's findings, where a profile was asked for. */
  readonly after: CheckResult | undefined;
  /** True if the fresh database takes the name of the source. */
  readonly isInPlace: boolean;
  /** The path of the fresh database: the source's own unless another was asked for. */
  readonly output: string | undefined;
  /** The path of the source as it was. */
  readonly backup: string | undefined;
  /** Records in the fresh database; of a dry run, the ones that would be. */
  readonly kept: number;
  /** Records among them that were not in force; undefined where nothing was written. */
  readonly added: Readonly<Record<Addition, number>> | undefined;
  /**
   * Number of the records that come from an older state of the database, because nothing newer is left for their
   * hashes: values may be older, deleted keys may be back. Of a dry run, the ones that would.
   */
  readonly olderState: number;
  readonly lost: LostRecords;
  /** Lost records that other additions would bring back. */
  readonly recoverable: Recoverable;
  /** Records that its program cannot load and that the fresh database is without, by reason; the quarantine has them. */
  readonly setAside: SetAside | undefined;
  /** A snapshot or backup that has more than is left of a database that lost something. */
  readonly betterCopy: BetterCopy | undefined;
  /** Records by the way they were found; `stale` and `deleted` ones are kept only if that was asked for. */
  readonly found: Readonly<Record<Provenance, number>>;
  /** Carved values with a key; others cannot be kept. They are looked for only if something is lost. */
  readonly carvedWithKey: number;
  /** Hashes, from `first` to before `end`, of which no bucket is left; at most 100 ranges. */
  readonly uncoveredRanges: readonly { first: number; end: number }[];
  /** The known data of lost records; at most 100 of them. */
  readonly lostDetails: readonly LostDetail[];
  /** The path of the quarantine; it may hold more than the records that were set aside. */
  readonly quarantine: string | undefined;
  /** Other facts that the operator should know. */
  readonly notes: readonly string[];
}

/** Records that a fresh database is without because its program cannot load them. */
export interface SetAside {
  readonly records: number;
  readonly reasons: Readonly<Partial<Record<LeftOutReason, number>>>;
}

/** The known data of a lost record. */
export interface LostDetail extends Omit<RejectedElement, 'reason'> {
  readonly reason: RejectedElement['reason'] | NotKept;
}

/** The records that a repair adds to those in force: those asked for, and `stale` ones unless they are unwanted. */
export function additionsOf({ include = [], stale = true }: RepairOptions): Addition[] {
  return ADDITIONS.filter((one) => include.includes(one) || (one === 'stale' && stale));
}

/**
 * Refuses options without a meaning, before anything is done: a limit that is no number would let every loss pass.
 *
 * @throws RangeError
 */
export function requirePossible(options: RepairOptions): void {
  const { profile = 'none', include = [], maxLoss, wait = 0, output, quarantine } = options;
  requireProfile(profile);
  if (options.leaveOut !== undefined && !LEAVE_OUT.includes(options.leaveOut)) {
    throw new RangeError(`expected as leaveOut one of ${LEAVE_OUT.join(', ')}, found "${options.leaveOut}"`);
  }
  if (output !== undefined && quarantine !== undefined && resolve(output) === resolve(quarantine)) {
    throw new RangeError(`expected output and quarantine to be two files, found ${output} as both`);
  }
  for (const one of include) {
    if (!ADDITIONS.includes(one)) {
      throw new RangeError(`expected in include only ${ADDITIONS.join(', ')}, found "${one}"`);
    }
  }
  if (maxLoss !== undefined && !isLimit(maxLoss)) {
    const expected = '{ records: 0 or more } or { share: 0 to 1 }';
    throw new RangeError(`expected as maxLoss ${expected}, found ${JSON.stringify(maxLoss)}`);
  }
  if (!(wait >= 0)) throw new RangeError(`expected as wait 0 or more seconds, found ${wait}`);
}

function isLimit(limit: NonNullable<RepairOptions['maxLoss']>): boolean {
  const { records = 0, share = 0 }: { records?: number; share?: number } = limit;
  return Object.keys(limit).length === 1 && records >= 0 && share >= 0 && share <= 1 && records + share >= 0;
}
