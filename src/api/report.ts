import type { CheckResult, FileFormat, Verdict } from '../check/check.js';
import type { FindingGroup } from '../check/finding.js';
import { groupFindings } from '../check/finding.js';
import type { LibgdbmMessage } from '../check/libgdbm.js';
import type { LibgdbmUse } from '../check/libgdbm.js';
import type { LostRecords } from '../check/losses.js';
import { lostRecords } from '../check/losses.js';
import type { CheckedContents, WantedProfile } from '../contents.js';
import { checkContents, withProfile } from '../contents.js';
import type { OtherFile } from '../database/identify.js';
import type { ByteOrder, Variant } from '../format/format.js';
import type { HashChar } from '../format/hash.js';
import type { MachineName } from '../format/machines.js';
import { MACHINE_NAMES, MACHINES } from '../format/machines.js';
import type { FoundKey, ProfileResult, ValueCounts } from '../profile/inspect.js';
import type { ProfileName } from '../profile/profiles.js';
import type { TransformName } from '../source/transforms.js';
import { translated } from './error.js';
import type { Input, WorkOptions } from './input.js';
import { sourceOf } from './input.js';

/** The result of a check. Nothing in it refers to the file any more. */
export interface Report {
  /**
   * `healthy`: no finding is an error. `foreign`: sound, but libgdbm of the machine that was asked for cannot use it.
   * `damaged`: at least one finding is an error. `not-gdbm`: nothing speaks for the format.
   */
  readonly verdict: Verdict;
  /** Bytes of the file. */
  readonly size: number;
  /** Undefined for an empty file and for one that is not GDBM. */
  readonly format: Format | undefined;
  /** The kind of a file that is not GDBM. */
  readonly other: OtherFile | undefined;
  readonly records: {
    /** Records whose key is proved. */
    readonly count: number;
    /** Bytes of their keys and values. */
    readonly bytes: number;
    /** Buckets that could be read. */
    readonly buckets: number;
  };
  /** Records that a repair cannot bring back. */
  readonly lost: LostRecords;
  /** Grouped by cause, the worst first; offsets are file offsets in bytes. docs/findings.md explains each code. */
  readonly findings: readonly FindingGroup[];
  /** The error with which libgdbm refuses to open the file; null if it opens it. */
  readonly libgdbm: LibgdbmMessage | null;
  /** A walk by libgdbm through a damaged file that it opens; undefined if that is not known. */
  readonly libgdbmUse: LibgdbmUse | undefined;
  /**
   * Changes of all bytes of the file, such as a copy in text mode, that were undone to read it, the last one first. All
   * sizes and offsets are those of the undone file.
   */
  readonly undone: readonly TransformName[];
  /** The reason why a repair would be refused, a sentence; undefined if it would not. */
  readonly unrepairable: string | undefined;
  /** The contents, judged for the program that the database belongs to; undefined if no profile was asked for. */
  readonly profile: Profile | undefined;
}

/** The format of a database: the kind of machine that wrote it. */
export interface Format {
  readonly byteOrder: ByteOrder;
  /** Bits of a file offset. */
  readonly offsetBits: 32 | 64;
  /** Alignment of an offset, in bytes. */
  readonly alignment: 4 | 8;
  readonly variant: Variant;
  /** Flavour of hash of the stored keys; `undetermined` if every key has the same hash in both. */
  readonly hashChar: HashChar | 'undetermined';
  /** Bytes. */
  readonly blockSize: number;
  /** Bytes. */
  readonly bucketSize: number;
  /** Share of the evidence that speaks for this format, 0 to 1; below 1 where the header is damaged. */
  readonly confidence: number;
}

/** The contents of a database, judged for its program. */
export interface Profile {
  readonly name: ProfileName;
  /** True if the program loads it. */
  readonly usable: boolean;
  /** Values by whether they are whole Python pickles. */
  readonly values: ValueCounts;
  /** The program's own keys that are there. */
  readonly keys: readonly FoundKey[];
  /** The keys that the program needs and that are not there. */
  readonly missing: readonly string[];
}

/** Options of {@link check}. */
export interface CheckOptions extends WorkOptions {
  /** The kind of machine whose libgdbm is to use the file; by default only the structure is judged. */
  readonly machine?: MachineName | undefined;
  /**
   * The program whose values are looked at, too, or `auto` to find it by the keys; `none` by default. What the program
   * cannot load makes the verdict `damaged`.
   */
  readonly profile?: WantedProfile | undefined;
}

/**
 * Checks a database: every structure, every element, every key, and what each byte is. Reads only, and tells of a file
 * that is not GDBM by its verdict.
 *
 * Memory: below 192 MiB for a file of any size.
 *
 * @throws GdbmError `IO` if the source cannot be read
 *
 * @example
 * ```ts
 * import { check } from 'gdbm-doctor/core';
 *
 * const { verdict, other } = await check(new TextEncoder().encode('no database'));
 * console.log(verdict, other?.kind); // not-gdbm text
 * ```
 */
export function check(input: Input, options: CheckOptions = {}): Promise<Report> {
  return translated(async () => {
    const { profile = 'none', onProgress, machine } = options;
    return reportOf(await checkContents(sourceOf(input, options), profile, onProgress, judgeOf(machine)));
  });
}

/**
 * The facts of a machine by its name.
 *
 * @throws RangeError if there is no such machine
 */
export function judgeOf(machine: MachineName | undefined): (typeof MACHINES)[MachineName] | undefined {
  if (machine === undefined) return undefined;
  if (MACHINE_NAMES.includes(machine)) return MACHINES[machine];
  throw new RangeError(`expected as machine one of ${MACHINE_NAMES.join(', ')}, found "${machine}"`);
}

/** The report of a check, and of the contents if a profile was asked for. */
export function reportOf(contents: CheckedContents): Report {
  const checked: CheckResult = withProfile(contents);
  const { count, bytes, buckets } = checked.records;
  return {
    verdict: checked.verdict,
    size: checked.size,
    format: checked.format && formatOf(checked.format),
    other: checked.other,
    records: { count, bytes, buckets },
    lost: lostRecords(checked),
    findings: groupFindings(checked),
    libgdbm: checked.libgdbm,
    libgdbmUse: checked.use,
    undone: checked.undone ?? [],
    unrepairable: checked.unrepairable,
    profile: contents.profile && profileOf(contents.profile),
  };
}

function formatOf({ byteOrder, layout, variant, hashChar, geometry, confidence }: FileFormat): Format {
  const { offsetBits, alignment } = layout;
  const { blockSize, bucketSize } = geometry;
  return { byteOrder, offsetBits, alignment, variant, hashChar, blockSize, bucketSize, confidence };
}

export function profileOf({ name, usable, values, keys, missing }: ProfileResult): Profile {
  return { name, usable, values, keys, missing };
}
