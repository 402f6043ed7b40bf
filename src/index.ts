/**
 * gdbm-doctor as a library: open a source, iterate its records, check it, repair it.
 *
 * @packageDocumentation
 */
export * from './core.js';
export type { FileSource } from './source/file.js';
export { fileSource, openFileSource } from './source/file.js';
export type { LostRecords } from './check/losses.js';
export type { BetterCopy } from './copies.js';
export type { Recoverable } from './repair/recoverable.js';
export type { LostDetail, RepairAction, RepairOptions, RepairResult } from './repair/result.js';
export { repair } from './repair/repair.js';
export type { SetAside } from './repair/result.js';
export type { DeleteOptions, DeleteResult } from './repair/delete.js';
export { deleteRecord } from './repair/delete.js';
export type { RefusalCode } from './replace/errors.js';
export { RefusedError } from './replace/errors.js';
export { fileState } from './replace/target.js';
export type { SnapshotName } from './snapshots/name.js';
export type { Owner as SnapshotOwner } from './snapshots/owner.js';
export type { Snapshot } from './snapshots/snapshot.js';
export type { JudgedFile, Taken, TakeOptions } from './snapshots/take.js';
export { takeSnapshot } from './snapshots/take.js';
export { isWorse } from './snapshots/worse.js';
export type { Listed as ListedSnapshots, ListedSnapshot, ListOptions } from './snapshots/list.js';
export { listSnapshots } from './snapshots/list.js';
export type { Restored, RestoreOptions } from './snapshots/restore.js';
export { restoreSnapshot } from './snapshots/restore.js';
export type { DiagnoseOptions, VolumeDiagnosis } from './volume/diagnose.js';
export { diagnoseVolume } from './volume/diagnose.js';
export type { ProblemSeverity, VolumeCode, VolumeProblem } from './volume/problem.js';
export { VOLUME_CODES } from './volume/problem.js';
export type { Mount } from './volume/mountinfo.js';
export type {
  Access,
  ContentFacts,
  DatabaseFacts,
  Holder,
  MachineFacts,
  MountFacts,
  PlaceFacts,
  SpaceFacts,
  UserFacts,
  VolumeFacts,
} from './volume/volumefacts.js';
