/** `error`: the database cannot be used or mended here. `warning`: it can be lost or refused. `notice`: to know. */
export type ProblemSeverity = 'error' | 'warning' | 'notice';

/** Each code, stable for programs, and how bad it is. */
export const VOLUME_CODES = {
  'folder-missing': 'error',
  'file-missing': 'error',
  'link-dangling': 'error',
  'path-not-searchable': 'error',
  'path-not-answering': 'error',
  'path-is-directory': 'error',
  'not-a-file': 'error',
  'volume-not-mounted': 'notice',
  'volume-in-memory': 'notice',
  'volume-read-only': 'error',
  'network-file-system': 'warning',
  'mapping-refused': 'error',
  'file-mounted-alone': 'warning',
  'mount-source-deleted': 'warning',
  'file-not-readable': 'error',
  'file-not-writable': 'error',
  'folder-not-writable': 'error',
  'file-immutable': 'error',
  'owner-differs': 'warning',
  'volume-full': 'error',
  'volume-low': 'warning',
  'inodes-exhausted': 'error',
  'locked-by-process': 'warning',
  'open-in-process': 'notice',
  'lock-program-missing': 'warning',
  'file-empty': 'error',
  'copy-incomplete': 'error',
  'size-not-whole-blocks': 'warning',
  'tail-zero': 'warning',
  'foreign-byte-order': 'error',
  'foreign-layout': 'error',
  'foreign-hash': 'error',
  'other-database': 'warning',
  'other-file': 'error',
} as const satisfies Record<string, ProblemSeverity>;
export type VolumeCode = keyof typeof VOLUME_CODES;

/** One thing that is wrong with the place of a database. Paths stand in it as they are, not escaped. */
export interface VolumeProblem {
  readonly code: VolumeCode;
  readonly severity: ProblemSeverity;
  /** A sentence: what was found, and what was expected. */
  readonly found: string;
  /** The one line to do about it, a command where there is one. */
  readonly advice: string;
}

/** A problem with the severity of its code. */
export function problem(code: VolumeCode, found: string, advice: string): VolumeProblem {
  return { code, severity: VOLUME_CODES[code], found, advice };
}
