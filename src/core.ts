/**
 * Everything that needs no file system: reading, checking and rebuilding from any source, also in a browser.
 *
 * @packageDocumentation
 */
export type { ByteOrder, Layout, Format, Variant } from './format/format.js';
export {
  LAYOUT_32,
  LAYOUT_64,
  LAYOUT_64_PACKED,
  LAYOUTS,
  layoutOf,
  describeFormat,
} from './format/format.js';
export type { DirectoryPlace, Geometry, ExtendedHeader, Header } from './format/header.js';
export type { HashChar } from './format/hash.js';
export { hashKey } from './format/hash.js';
export type { Source, BlobLike } from './source/source.js';
export { SourceError, memorySource, blobSource } from './source/source.js';
export type { Fault, Rearrangement } from './source/views.js';
export type { Range, RangeList } from './source/ranges.js';
export type { Database } from './database/database.js';
export { openDatabase } from './database/database.js';
export type { OtherFile } from './database/identify.js';
export type { FoundRecord } from './read/lookup.js';
export { Lookup } from './read/lookup.js';
export type { BucketSite, SiteState } from './database/site.js';
export type { Survey } from './database/survey.js';
export { survey } from './database/survey.js';
export type { CheckResult, FileFormat, RecordCounts, Verdict } from './check/check.js';
export { checkDatabase } from './check/check.js';
export type { ExaminedSurvey } from './check/examination.js';
export type { SiteVerdict } from './check/bucket.js';
export type { Searched, SearchOptions } from './examine.js';
export type { Progress, Report } from './source/sweep.js';
export { check, openSearched, searchExamined as search } from './examine.js';
export type { SearchedSurvey } from './orphans/adopt.js';
export type { Doubt, DoubtfulRecords } from './check/doubtful.js';
export type { Finding, FindingCode, FindingGroup, FindingPlace, Severity } from './check/finding.js';
export { FINDING_CODES, groupFindings } from './check/finding.js';
export type { LibgdbmMessage } from './check/libgdbm.js';
export { predictLibgdbm } from './check/libgdbm.js';
export type { LossReason, RejectedElement, RejectReason, StoredRecord } from './check/record.js';
export type { Extent, Overlap, OverreachingRecords, SpaceAccount, SpaceKind } from './check/space.js';
export type { Addition, Provenance, SalvagedBatch, SalvagedRecord } from './salvage/salvage.js';
export { salvage } from './salvage/salvage.js';
export type { CarvedFind, CarveSubject } from './salvage/carved.js';
export { carveValues } from './salvage/carved.js';
export type { CarvedValue, CarveOptions } from './salvage/carve.js';
export { carve } from './salvage/carve.js';
export { KnownKeys } from './salvage/knownkeys.js';
export type { Measured, Shape } from './salvage/shape.js';
export type { Kind as PickleKind } from './pickle/opcodes.js';
export type { PickleFault } from './pickle/machine.js';
export type { PickleWalk, WholePickle } from './pickle/walk.js';
export { walkPickle } from './pickle/walk.js';
export type { CheckedContents, WantedProfile } from './contents.js';
export { checkContents, withProfile } from './contents.js';
export type { FoundKey, ProfileResult, ValueCounts } from './profile/inspect.js';
export { checkProfile } from './profile/inspect.js';
export type { FoundBy, LostElement } from './profile/detect.js';
export { detectProfile } from './profile/detect.js';
export type { LeaveOut, LeftOutReason, RecordFilter } from './profile/leaveout.js';
export type { PlaceSet } from './salvage/placeset.js';
export type { ValueState } from './profile/value.js';
export type { ProfileName } from './profile/profiles.js';
export { PROFILE_NAMES } from './profile/profiles.js';
export type { KeyAndValue } from './read/records.js';
export { readRecords } from './read/records.js';
export type { BuildBatch, BuildRecord, BuildResult } from './write/builder.js';
export { DatabaseBuilder } from './write/builder.js';
export type { BuildSpec } from './write/frame.js';
export { BuildError } from './write/frame.js';
export type { Sink, Spill } from './write/sink.js';
export { memorySink } from './write/sink.js';
export type { Added, CheckedDatabase, Contents, NotKept } from './write/contents.js';
export { foundDatabase, salvagedContents } from './write/contents.js';
export type { WriteResult } from './write/write.js';
export { writeFresh } from './write/write.js';
export type { Verified } from './write/write.js';
export { verifyFresh, VerifyError } from './write/write.js';
