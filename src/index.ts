/**
 * gdbm-doctor as a library, for Node: {@link open} a database, {@link check} it, {@link repair} it. `gdbm-doctor/core` is
 * the part of it that knows no file system, for a browser.
 *
 * @packageDocumentation
 */
export type * from './core.js';
export { diff, dump, GdbmError, hashKey, memorySink } from './core.js';
export { check, create, load, open, salvage } from './api/files.js';
export type { FileOptions } from './api/files.js';
export { repair } from './api/repair.js';
export type { RepairOptions, RepairResult } from './api/repair.js';
export type { BetterCopy } from './copies.js';
export type { Recoverable } from './repair/examine.js';
export type { LostDetail, RepairAction, SetAside } from './repair/result.js';
export type { Addition } from './salvage/salvage.js';
export type { LossReason, RejectReason } from './check/marks.js';
export type { NotKept } from './write/contents.js';
export type { LeaveOut, LeftOutReason } from './profile/leaveout.js';
export { snapshots } from './api/snapshots.js';
export type {
  ListOptions,
  RestoreOptions,
  SnapshotList,
  Snapshots,
  SnapshotsOptions,
  TakeOptions,
} from './api/snapshots.js';
export type { ListedSnapshot, Owner } from './store/folder.js';
export type { Restored } from './store/restore.js';
export type { Snapshot } from './store/snapshot.js';
export type { Taken } from './store/take.js';
export type { Untrusted } from './store/rights.js';
export { diagnose } from './api/diagnose.js';
export type { Diagnosis } from './api/diagnose.js';
export type { ProblemSeverity, VolumeCode, VolumeProblem } from './service/facts.js';
