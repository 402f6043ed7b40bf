import type { CheckResult } from '../check/check.js';
import type { LostRecords } from '../check/losses.js';
import type { RejectedElement } from '../check/record.js';
import type { WantedProfile } from '../contents.js';
import type { BetterCopy } from '../copies.js';
import type { Report } from '../source/sweep.js';
import type { ProfileResult } from '../profile/inspect.js';
import type { LeaveOut, LeftOutReason } from '../profile/leaveout.js';
import type { NotKept } from '../write/records.js';
import type { Recoverable } from './recoverable.js';
import type { Addition, Provenance } from '../salvage/salvage.js';

export interface RepairOptions {
  /** Writes the fresh database here, a name that must be free, and does not touch the source. */
  readonly output?: string;
  /** Says what would be done and writes nothing. */
  readonly dryRun?: boolean;
  /** Whether the source stays as `NAME.~1~`; it does by default. */
  readonly backup?: boolean;
  /** Seconds to wait for another process that holds the file; 0 by default. */
  readonly wait?: number;
  /** Whether to lock the file as libgdbm does; done by default. */
  readonly lock?: boolean;
  /** What else than what is in force the fresh database gets, where nothing better has the key. */
  readonly include?: readonly Addition[];
  /** Keys that may be before a value whose element is gone, besides those that the file itself still knows. */
  readonly expectKeys?: readonly Uint8Array[];
  /**
   * The program whose database it is, or `auto` to find it by the keys: the fresh database is without what that program
   * cannot load. Where it is left out, or `none`, no record is left out.
   */
  readonly profile?: WantedProfile;
  /** What of it the fresh database is without; `unloadable` by default. */
  readonly leaveOut?: LeaveOut;
  /**
   * Writes what was found but is not in the fresh database here, a line of JSON each; the name must be free. Where it is left
   * out, what is set aside goes to `NAME.quarantine.~1~` beside the fresh database, or the first number that is free.
   */
  readonly quarantine?: string;
  /** Refuses to write if more records would be lost: a number, or a share of all records, 0 to 1. */
  readonly maxLoss?: { readonly records: number } | { readonly share: number } | undefined;
  /** Whether to write a database without records although a copy beside the file has some. */
  readonly empty?: boolean;
  /** What the file must still be once it is locked, as a look named it (`fileState`); else it is refused. */
  readonly ifState?: string | undefined;
  /** Told how far long work is. */
  readonly report?: Report;
  /** Ends the repair; the source is as it was, unless it is already replaced. */
  readonly signal?: AbortSignal;
}

/**
 * `none`: nothing was written. `repaired`: a fresh database was written and verified. `refused`: it is damaged and
 * nothing was written.
 */
export type RepairAction = 'none' | 'repaired' | 'refused';

/** What a repair did. */
export interface RepairResult {
  readonly path: string;
  readonly action: RepairAction;
  /** Whether it was refused only by the limit that the user set. */
  readonly limited?: boolean;
  /** Why nothing was written, or what a dry run would have done. */
  readonly reason: string | undefined;
  /** The source before the repair; with what was found inside, where a profile was asked for. */
  readonly before: CheckResult;
  /** What is inside of the records that can be kept; undefined where it was not asked for. */
  readonly profile: ProfileResult | undefined;
  /** The fresh database, read back; with what is found inside, where a profile was asked for. */
  readonly after: CheckResult | undefined;
  /** Where the fresh database is; the source's own name unless another was asked for. */
  readonly output: string | undefined;
  /** Where the source as it was is. */
  readonly backup: string | undefined;
  /** Records in the fresh database, or that would be. */
  readonly kept: number;
  /** Of those what was added because it was asked for; undefined where nothing was written. */
  readonly added: Readonly<Record<Addition, number>> | undefined;
  readonly lost: LostRecords;
  /** How many of the lost records would come back by what else could be included, alone and all together. */
  readonly recoverable: Recoverable;
  /** Records that its program cannot load and that the fresh database is without, by reason; the quarantine has them. */
  readonly setAside: SetAside | undefined;
  /** A snapshot or backup that has more than is left of a database that lost something. */
  readonly betterCopy: BetterCopy | undefined;
  /** Records that were found, by how; `stale` and `deleted` ones are kept only if that was asked for. */
  readonly found: Readonly<Record<Provenance, number>>;
  /** Of the carved values, which are looked for only if something is lost, those with a key; others cannot be kept. */
  readonly carvedWithKey: number;
  /** Hashes of which no bucket is left, from `first` to before `end`; at most 100 ranges. */
  readonly uncoveredRanges: readonly { first: number; end: number }[];
  /** What is known of lost records; at most 100 of them. */
  readonly lostDetails: readonly LostDetail[];
  /** Where what was found but not kept was written; it may hold more than what was set aside. */
  readonly quarantine: string | undefined;
  /** What else the operator should know. */
  readonly notes: readonly string[];
}

/** Records that a fresh database is without because its program cannot load them. */
export interface SetAside {
  readonly records: number;
  readonly reasons: Readonly<Partial<Record<LeftOutReason, number>>>;
}

/** What is known of a lost record. */
export interface LostDetail extends Omit<RejectedElement, 'reason'> {
  readonly reason: RejectedElement['reason'] | NotKept;
}
