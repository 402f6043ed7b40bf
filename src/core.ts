/**
 * Everything that needs no file system: reading, checking and rebuilding from any source, also in a browser.
 *
 * @packageDocumentation
 */
export type { ByteOrder, Layout } from './format/layout.js';
export { LAYOUT_32, LAYOUT_64, LAYOUT_64_PACKED, LAYOUTS, layoutOf } from './format/layout.js';
export type { Format, Variant } from './format/format.js';
export { describeFormat } from './format/format.js';
export type { Geometry } from './format/geometry.js';
export type { ExtendedHeader, Header } from './format/header.js';
export type { HashChar } from './format/hash.js';
export { hashKey } from './format/hash.js';
export type { Source } from './source/source.js';
export { SourceError } from './source/source.js';
export { memorySource } from './source/memory.js';
export type { BlobLike } from './source/blob.js';
export { blobSource } from './source/blob.js';
export type { Database } from './database/database.js';
export { openDatabase } from './database/database.js';
export type { OtherFile } from './database/identify.js';
export type { FoundRecord } from './database/lookup.js';
export { Lookup } from './database/lookup.js';
export type { Survey } from './database/survey.js';
export { survey } from './database/survey.js';
export type { CheckResult, FileFormat, RecordCounts, Verdict } from './check/check.js';
export { check, checkDatabase } from './check/check.js';
export type { Finding, FindingCode, Severity } from './check/finding.js';
export { FINDING_CODES } from './check/finding.js';
export type { LibgdbmMessage } from './check/libgdbm.js';
export { predictLibgdbm } from './check/libgdbm.js';
export type { RejectReason } from './check/record.js';
export type { SpaceAccount, SpaceKind } from './check/space.js';
export type { Provenance, SalvagedRecord } from './salvage/salvage.js';
export { salvage } from './salvage/salvage.js';
export type { KeyAndValue } from './records.js';
export { readRecords } from './records.js';
export type { BuildRecord, BuildResult, BuildSpec } from './build/builder.js';
export { BuildError, DatabaseBuilder } from './build/builder.js';
export type { Sink } from './build/sink.js';
export { memorySink } from './build/sink.js';
export type { CheckedDatabase, RebuildResult } from './rebuild.js';
export { foundDatabase, rebuild, verify, VerifyError } from './rebuild.js';
