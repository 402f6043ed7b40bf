import type { Environment } from './commandline.js';
import type { Fallback } from './fallbacks.js';

/** What to run, and what to do about its database. */
export interface GuardOptions {
  readonly command: readonly string[];
  readonly env: Environment;
  readonly fallback: Fallback;
  /** Milliseconds between looks while the program runs. */
  readonly interval: number;
  /** Options of the `look` command: profile, snapshots. */
  readonly lookOptions: readonly string[];
}
