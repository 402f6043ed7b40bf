/** What the process ends with. */
export const EXIT = {
  /** Healthy, or now usable. */
  ok: 0,
  /** Damaged, or not repaired because a limit that the user set forbade it; a key that is not there. */
  damaged: 1,
  /** Could not do its job: usage, I/O, locked, not GDBM. */
  failed: 2,
  /** The reader of a pipe went away before it had the whole result: 128 and the number of SIGPIPE, as a shell tells it. */
  readerGone: 141,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
