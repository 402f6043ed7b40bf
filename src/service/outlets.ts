import { constants } from 'node:fs';
import { appendFile, lstat, rename, unlink } from 'node:fs/promises';
import { jsonText } from '../report/escape.js';
import { requireRegularFile } from '../store/errors.js';
import { FreshFile } from '../store/fresh.js';
import type { Look } from './look.js';

/** How urgent a line is. */
export type Level = 'info' | 'warning' | 'error';

/** What happened, for people and for programs. */
export interface LogEvent {
  readonly level: Level;
  /** A stable name, such as `repaired`. */
  readonly event: string;
  readonly message: string;
  /** Numbers and words that belong to it; file names as they are. */
  readonly details?: Readonly<Record<string, string | number | boolean | null>>;
}

export type LogFormat = 'text' | 'json';

/** Told of each step. */
export type Log = (event: LogEvent) => void;

/** One line, without its end: control characters of file names and messages are escaped in either form. */
export function logLine({ level, event, message, details }: LogEvent, format: LogFormat, time: Date): string {
  const stamp = time.toISOString();
  if (format === 'json') {
    return jsonText({ time: stamp, level, event, message, ...details });
  }
  return `${stamp} gdbm-doctor ${level}: ${escapeControls(message)}`;
}

/** A line must stay one, and must not drive a terminal. */
function escapeControls(text: string): string {
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (one) => {
    return `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

/** What is told of one database, to Prometheus and to health checks. Times in milliseconds since 1970. */
export interface Status {
  readonly path: string;
  readonly look: Look | undefined;
  readonly lookedAt: number | undefined;
  readonly looks: number;
  readonly repairs: number;
  readonly failedRepairs: number;
  readonly restores: number;
  readonly snapshotAt: number | undefined;
}

export function newStatus(path: string): Status {
  return {
    path,
    look: undefined,
    lookedAt: undefined,
    looks: 0,
    repairs: 0,
    failedRepairs: 0,
    restores: 0,
    snapshotAt: undefined,
  };
}

/** Whether the last look saw a database that its program can use; one that is being written counts. */
export function isHealthy({ look }: Status): boolean {
  return look !== undefined && ['clean', 'changing', 'foreign'].includes(look.verdict);
}

interface Metric {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly value: (status: Status) => number | undefined;
}

const seconds = (time: number | undefined) => (time === undefined ? undefined : time / 1000);

const METRICS: readonly Metric[] = [
  {
    name: 'gdbm_doctor_healthy',
    type: 'gauge',
    help: '1 if the last look saw a usable database.',
    value: (status) => Number(isHealthy(status)),
  },
  {
    name: 'gdbm_doctor_last_check_timestamp_seconds',
    type: 'gauge',
    help: 'When the database was last looked at.',
    value: ({ lookedAt }) => seconds(lookedAt),
  },
  { name: 'gdbm_doctor_checks_total', type: 'counter', help: 'Looks so far.', value: ({ looks }) => looks },
  {
    name: 'gdbm_doctor_records',
    type: 'gauge',
    help: 'Records in the database at the last look.',
    value: ({ look }) => look?.records,
  },
  {
    name: 'gdbm_doctor_repairs_total',
    type: 'counter',
    help: 'Repairs that were done.',
    value: ({ repairs }) => repairs,
  },
  {
    name: 'gdbm_doctor_failed_repairs_total',
    type: 'counter',
    help: 'Repairs that could not be done.',
    value: ({ failedRepairs }) => failedRepairs,
  },
  {
    name: 'gdbm_doctor_restores_total',
    type: 'counter',
    help: 'Snapshots that were brought back.',
    value: ({ restores }) => restores,
  },
  {
    name: 'gdbm_doctor_snapshot_timestamp_seconds',
    type: 'gauge',
    help: 'When the newest snapshot was taken.',
    value: ({ snapshotAt }) => seconds(snapshotAt),
  },
];

/** Databases' states in Prometheus' text format. */
export function metricsText(statuses: readonly Status[]): string {
  const lines: string[] = [];
  for (const { name, type, help, value } of METRICS) {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const status of statuses) {
      const now = value(status);
      if (now !== undefined) lines.push(`${name}{db="${escapeLabel(status.path)}"} ${now}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

/** `healthy` or what is wrong, a line for each database. */
export function healthText(statuses: readonly Status[]): string {
  return statuses
    .map(
      (status) =>
        `${isHealthy(status) ? 'healthy' : `unhealthy: ${status.look?.what ?? 'not looked at yet'}`}\n`,
    )
    .join('');
}

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
