import { constants } from 'node:fs';
import { appendFile, lstat, rename, unlink } from 'node:fs/promises';
import { requireRegularFile } from '../replace/errors.js';
import { FreshFile } from '../replace/fresh.js';
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

/** Other users' monitors and health checks read metrics and health, as far as the umask lets them. */
const PUBLIC = 0o644;

/**
 * Refuses to replace what is no file, such as a pipe that was put there since the start; a link is replaced itself.
 *
 * @throws RefusedError or NodeJS.ErrnoException
 */
async function requireReplaceable(path: string): Promise<void> {
  const stats = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  if (stats !== undefined && !stats.isSymbolicLink()) requireRegularFile(path, stats);
}

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
    else await this.#remove(healthFile);
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

  /**
   * Writes a file under a name that nobody can know before, and renames it: no link that was put there is followed, no pipe
   * is waited for, and a reader never sees half of it.
   */
  async #replace(path: string, text: string): Promise<void> {
    try {
      await requireReplaceable(path);
      const fresh = await FreshFile.createBeside(path);
      try {
        await fresh.write(0, Buffer.from(text));
        await fresh.handle.chmod(PUBLIC & ~process.umask());
        await rename(fresh.path, path);
        fresh.keep();
      } finally {
        await fresh.close();
      }
    } catch (error) {
      this.#tellTrouble(path, error);
    }
  }

  async #remove(path: string): Promise<void> {
    try {
      await requireReplaceable(path);
      await unlink(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#tellTrouble(path, error);
    }
  }
}
