import { repair as repairFile } from '../repair.js';
import type { RepairOptions as InnerOptions, RepairResult as InnerResult } from '../repair/result.js';
import { translated } from './error.js';
import { translateAt } from './files.js';
import type { WorkOptions } from './input.js';
import { bytesOf } from './input.js';
import type { Profile, Report } from './report.js';
import { profileOf, reportOf } from './report.js';

/** Options of {@link repair}. */
export interface RepairOptions
  extends WorkOptions, Omit<InnerOptions, 'report' | 'signal' | 'ifState' | 'expectKeys'> {
  /** Keys that may be before a value whose element is gone, besides those that the file itself still knows. */
  readonly expectKeys?: readonly (string | Uint8Array)[];
}

/** The outcome of a repair. */
export interface RepairResult extends Omit<InnerResult, 'before' | 'after' | 'profile'> {
  /** The check of the file as it was. */
  readonly before: Report;
  /** The check of the fresh database; undefined if none was written. */
  readonly after: Report | undefined;
  /** The contents of the records that can be kept; undefined if no profile was asked for. */
  readonly profile: Profile | undefined;
}

/**
 * Repairs a database file. The file is never harmed: a fresh one is written beside it, synced, read back and compared,
 * and only then takes the name; the old one stays as `NAME.~1~`, or the first number that is free. A healthy file is left
 * as it is. If too little is left, or the limit `maxLoss` is exceeded, nothing is written and `action` says so.
 *
 * @throws GdbmError `LOCKED` if a program holds the file, `NO_LOCK_PROGRAM`, `CHANGED`, `NO_SPACE`, `NO_PERMISSION`,
 *   `EXISTS` (output or quarantine), `TOO_LARGE`, `NOT_VERIFIED`, `IO`; nothing was changed
 * @throws RangeError if an option has no meaning
 *
 * @example
 * ```ts
 * import { repair } from 'gdbm-doctor';
 *
 * const { action, kept, lost, backup } = await repair('broken.db', { wait: 10 });
 * console.log(action, kept, lost.records); // repaired 3 0
 * console.log(backup?.endsWith('broken.db.~1~')); // true
 * ```
 */
export function repair(path: string, options: RepairOptions = {}): Promise<RepairResult> {
  const { onProgress, signal, expectKeys, ...rest } = options;
  return translated(
    async () => {
      const { before, after, profile, ...result } = await repairFile(path, {
        ...rest,
        ...(onProgress && { report: onProgress }),
        ...(signal && { signal }),
        ...(expectKeys && { expectKeys: expectKeys.map(bytesOf) }),
      });
      // Both checks have the findings of the profile already.
      return {
        ...result,
        before: reportOf({ checked: before, profile: undefined }),
        after: after && reportOf({ checked: after, profile: undefined }),
        profile: profile && profileOf(profile),
      };
    },
    translateAt(path, 'repair it'),
  );
}
