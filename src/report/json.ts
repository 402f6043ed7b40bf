import type { CheckResult, FileFormat } from '../check/check.js';
import type { BetterCopy } from '../copies.js';
import { groupFindings } from '../check/finding.js';
import type { ProfileResult } from '../profile/inspect.js';
import type { RepairResult } from '../repair/result.js';
import type { CompactResult } from '../repair/compact.js';
import type { DeleteResult } from '../repair/delete.js';
import { base64, jsonText } from './escape.js';
import { named } from './advice.js';

/** The version of the documents' shape; it grows when a field is renamed or goes. */
export const REPORT_VERSION = 1;

/** The tool, options and time of a report, so that it can be made again and compared. */
export interface Statement {
  readonly tool: 'gdbm-doctor';
  readonly version: string;
  /** The command line, as it was given. */
  readonly options: readonly string[];
  /** ISO 8601, UTC. */
  readonly time: string;
  /** Only where hashes were asked for. */
  readonly evidence?: readonly Evidence[];
}

/** SHA-256 of a file, in hex, before it was read and after. */
export interface Evidence {
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

/** One document, whatever the command. */
interface ReportDocument {
  readonly version: typeof REPORT_VERSION;
  readonly files: readonly object[];
  /** The command that made the document, if it is known. */
  readonly statement?: Statement;
}

export function reportDocument(files: readonly object[], statement?: Statement): ReportDocument {
  return { version: REPORT_VERSION, files, ...(statement && { statement }) };
}

/** The text of such a document, as a command prints it: with the end of its last line. */
export function reportText(files: readonly object[], statement?: Statement): string {
  return `${jsonText(reportDocument(files, statement), 2)}\n`;
}

/** A checked file as programs read it; the profile if one was looked for. */
export function checkReport(
  path: string,
  result: CheckResult,
  profile?: ProfileResult,
  betterCopy?: BetterCopy,
): object {
  const { verdict, size, format, other, records, findingCounts, space, libgdbm, use, undone } = result;
  return {
    path,
    verdict,
    size,
    format: format === undefined ? null : formatReport(format),
    ...(other && {
      identifiedAs: { ...other, what: named(other.what, path), advice: named(other.advice, path) },
    }),
    ...(undone && { undone }),
    records,
    findings: groupFindings(result),
    findingCounts,
    space: space === undefined ? null : { bytes: space.bytes, overlaps: space.overlapCount },
    libgdbm,
    ...(use && { libgdbmUse: { ...use, fetched: use.fetched ?? null } }),
    ...(profile && { profile: profileReport(profile) }),
    ...(betterCopy && { betterCopy }),
  };
}

/** The profile of the contents; its findings are among those of the file. */
function profileReport({ name, found, usable, values, keys, missing }: ProfileResult) {
  return {
    name,
    found,
    usable,
    values,
    keys: keys.map(({ protocol, ...one }) => ({ ...one, protocol: protocol ?? null })),
    missing,
  };
}

function formatReport({ byteOrder, layout, variant, hashChar, geometry, extended, confidence }: FileFormat) {
  return {
    byteOrder,
    offsetBits: layout.offsetBits,
    alignment: layout.alignment,
    variant,
    hashChar,
    blockSize: geometry.blockSize,
    bucketSize: geometry.bucketSize,
    bucketElements: geometry.bucketElements,
    directory: geometry.directory ?? null,
    ...(extended && { numsync: extended.numsync }),
    confidence,
  };
}

/** A repaired file as programs read it: what the check of the source said, and what was done. */
export function repairReport(result: RepairResult): object {
  const { path, before, after, action, reason, output, backup, kept, lost, notes, found } = result;
  return {
    ...checkReport(path, before, result.profile, result.betterCopy),
    action,
    reason: reason === undefined ? null : named(reason, path),
    output: output ?? null,
    backup: backup ?? null,
    kept,
    added: result.added ?? null,
    olderState: result.olderState,
    lost: lost.records,
    lostDetail: {
      reasons: lost.reasons,
      uncovered: lost.uncovered,
      estimated: lost.estimated,
      recovered: lost.recovered,
      missing: lost.missing,
      likelyDamaged: lost.likelyDamaged,
      recoverable: result.recoverable,
    },
    setAside: result.setAside ?? null,
    verified: after === undefined ? null : { verdict: after.verdict, records: after.records.count },
    salvaged: found,
    carvedWithKey: result.carvedWithKey,
    uncoveredRanges: result.uncoveredRanges,
    lostRecords: result.lostDetails.map((one) => ({ ...one, keyStart: base64(one.keyStart) })),
    quarantine: result.quarantine ?? null,
    notes,
  };
}

/** A sound file that was written as another kind of machine has it, with every record. */
export function convertedReport(
  result: RepairResult,
  { records, backup, notes }: Pick<RepairResult, 'backup' | 'notes'> & { readonly records: number },
): object {
  const { path: output } = result;
  const report = repairReport({ ...result, kept: records, output, backup, notes });
  return { ...report, action: 'converted', verified: { verdict: 'healthy', records } };
}

/** A file that could not be read or worked on. */
export function unreadableReport(path: string, code: string, message: string): object {
  return {
    path,
    verdict: 'unreadable',
    error: { code, message },
    format: null,
    records: null,
    findings: [],
    libgdbm: null,
  };
}

/** A repair that could not be done; the file is as it was. */
export function failedRepairReport(path: string, code: string, message: string): object {
  const nothing = { reason: message, output: null, backup: null, kept: 0, lost: 0, notes: [] };
  return { ...unreadableReport(path, code, message), action: 'refused', ...nothing };
}

/** The result of removing a record, for programs. */
export function deletedReport(result: DeleteResult, key: Uint8Array): object {
  const { path, action, valueSize, kept, output, backup, notes } = result;
  return {
    path,
    action,
    key: base64(key),
    found: valueSize !== undefined,
    valueSize: valueSize ?? null,
    kept,
    output: output ?? null,
    backup: backup ?? null,
    notes,
  };
}

/** A compacted file as programs read it. */
export function compactReport(result: CompactResult): object {
  const { path, action, before, size, kept, output, backup, notes } = result;
  const sizes = { sizeBefore: before, sizeAfter: action === 'none' ? before : size };
  return { path, action, ...sizes, kept, output: output ?? null, backup: backup ?? null, notes };
}

/** A file that could not be rewritten; it is as it was. */
export function failedDeleteReport(path: string, code: string, message: string): object {
  return { path, action: 'refused', error: { code, message } };
}
