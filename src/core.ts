/**
 * gdbm-doctor as a library without a file system, also for a browser: {@link open} a database in memory, a Blob or a
 * source of your own, {@link check} it, {@link salvage} what is in it, and {@link create} another one in memory.
 *
 * @packageDocumentation
 */
export { create, load } from './api/create.js';
export type { Spec, Writer, Written } from './api/create.js';
export { open } from './api/database.js';
export type { Database, Entry, OpenOptions } from './api/database.js';
export { diff, dump } from './api/dump.js';
export type { Change, DumpForm, DumpOptions } from './api/dump.js';
export { GdbmError } from './api/error.js';
export type { GdbmErrorCode } from './api/error.js';
export { hashKey } from './api/hash.js';
export type { Input } from './api/input.js';
export { check } from './api/report.js';
export type { CheckOptions, Format, Profile, Report } from './api/report.js';
export { salvage } from './api/salvage.js';
export type { SalvagedRecord, SalvageOptions } from './api/salvage.js';
export { memorySink } from './write/sink.js';
export type { MemorySink, Sink, Spill } from './write/sink.js';
export type { BlobLike, Source } from './source/source.js';
export type { TransformName } from './source/transforms.js';
export type { Verdict } from './check/check.js';
export type { Doubt } from './check/doubtful.js';
export type { FindingCode, FindingGroup, FindingPlace, Severity } from './check/finding.js';
export type { LibgdbmMessage } from './check/libgdbm.js';
export type { LibgdbmUse } from './check/libgdbm.js';
export type { LostRecords } from './check/losses.js';
export type { WantedProfile } from './contents.js';
export type { OtherFile } from './database/identify.js';
export type { ByteOrder, Variant } from './format/format.js';
export type { HashChar } from './format/hash.js';
export type { MachineName } from './format/machines.js';
export type { FoundKey, ValueCounts } from './profile/inspect.js';
export type { ProfileName } from './profile/profiles.js';
export type { Confidence } from './salvage/confidence.js';
export type { Provenance } from './salvage/salvage.js';
