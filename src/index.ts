/**
 * gdbm-doctor as a library: open a source, iterate its records, check it, repair it.
 *
 * @packageDocumentation
 */
export * from './core.js';
export type { FileSource } from './source/file.js';
export { fileSource, openFileSource } from './source/file.js';
export type { LostRecords, RepairAction, RepairOptions, RepairResult } from './repair.js';
export { repair } from './repair.js';
export type { RefusalCode } from './replace/errors.js';
export { RefusedError } from './replace/errors.js';
