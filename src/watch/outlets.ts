import { constants } from 'node:fs';
import { appendFile, rename, unlink, writeFile } from 'node:fs/promises';
import type { Log, LogEvent, LogFormat } from './log.js';
import { logLine } from './log.js';
import type { Status } from './status.js';
import { healthText, isHealthy, metricsText } from './status.js';

/** Where the log, the metrics and the health go; each may be left out. */
export interface OutletOptions {
  readonly logFormat: LogFormat;
  readonly logFile: string | undefined;
  readonly metricsFile: string | undefined;
  readonly healthFile: string | undefined;
}

/** Lines that wait for a log file on a volume that hangs, at most. */
const MAX_WAITING = 1000;

/** Appends; a pipe that nobody reads is an error at once, not a wait that would outlast the guarded program. */
const APPEND = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NONBLOCK;

/**
 * Writes to the log, the metrics and the health file. Whatever cannot be written is left out, which is said once for each
 * file; nothing is thrown.
 */
export class Outlets {
  readonly #options: OutletOptions;
  readonly #waiting: string[] = [];
  readonly #troubled = new Set<string>();
  #writing: Promise<void> | undefined;

  constructor(options: OutletOptions) {
    this.#options = options;
  }

  readonly log: Log = (event: LogEvent) => {
    const line = this.#tellStderr(event);
    if (this.#options.logFile === undefined || this.#waiting.length >= MAX_WAITING) return;
    this.#waiting.push(line);
    this.#writing ??= this.#drain(this.#options.logFile);
  };

  #tellStderr(event: LogEvent): string {
    const line = `${logLine(event, this.#options.logFormat, new Date())}\n`;
    try {
      process.stderr.write(line);
    } catch {
      // A reader that went away.
    }
    return line;
  }

  #tellTrouble(path: string, error: unknown): void {
    if (this.#troubled.has(path)) return;
    this.#troubled.add(path);
    const message = `${path}: cannot be written to: ${(error as Error).message}. It is left out, and this is not said again.`;
    this.#tellStderr({ level: 'warning', event: 'outlet-failed', message, details: { path } });
  }

  /** Writes the states to the metrics and the health file, each as a whole. */
  async tell(statuses: readonly Status[]): Promise<void> {
    const { metricsFile, healthFile } = this.#options;
    if (metricsFile !== undefined) await this.#replace(metricsFile, metricsText(statuses));
    if (healthFile === undefined) return;
    // A health check only looks whether the file is there.
    if (statuses.every(isHealthy)) await this.#replace(healthFile, healthText(statuses));
    else await unlink(healthFile).catch(() => {});
  }

  /** Waits until the log file has every line. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  async #drain(path: string): Promise<void> {
    while (this.#waiting.length > 0) {
      const text = this.#waiting.splice(0).join('');
      await appendFile(path, text, { mode: 0o600, flag: APPEND as unknown as string }).catch(
        (error: unknown) => this.#tellTrouble(path, error),
      );
    }
    this.#writing = undefined;
  }

  /** Writes a file beside its place and renames it, so that a reader never sees half of it. */
  async #replace(path: string, text: string): Promise<void> {
    const fresh = `${path}.${process.pid}.tmp`;
    try {
      await writeFile(fresh, text, { mode: 0o644 });
      await rename(fresh, path);
    } catch (error) {
      this.#tellTrouble(path, error);
      await unlink(fresh).catch(() => {});
    }
  }
}
