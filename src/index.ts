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
export type { Recoverable } from './repair/examine.js';
export type { LostDetail, RepairAction, RepairOptions, RepairResult, SetAside } from './repair/result.js';
export { repair } from './repair.js';
export type { DeleteOptions, DeleteResult } from './repair/delete.js';
export { deleteRecord } from './repair/delete.js';
export type { RefusalCode } from './store/errors.js';
export { RefusedError } from './store/errors.js';
export { fileState } from './store/held.js';
export type { SnapshotName, Snapshot } from './store/snapshot.js';
export type { Owner as SnapshotOwner } from './store/folder.js';
export type { JudgedFile, Taken, TakeOptions } from './store/take.js';
export { takeSnapshot } from './store/take.js';
export { isWorse } from './store/snapshot.js';
export type { Listed as ListedSnapshots, ListedSnapshot, ListOptions } from './store/folder.js';
export { listSnapshots } from './store/folder.js';
export type { Restored, RestoreOptions } from './store/restore.js';
export { restoreSnapshot } from './store/restore.js';
export type { DiagnoseOptions, VolumeDiagnosis } from './service/diagnose.js';
export { diagnoseVolume } from './service/diagnose.js';
export type {
  ProblemSeverity,
  VolumeCode,
  VolumeProblem,
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
} from './service/facts.js';
export { VOLUME_CODES } from './service/facts.js';
export type { Mount } from './service/procfs.js';
