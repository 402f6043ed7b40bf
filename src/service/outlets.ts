import { constants } from 'node:fs';
import { appendFile, lstat, rename, unlink } from 'node:fs/promises';
import { jsonText } from '../report/escape.js';
import { requireRegularFile } from '../store/errors.js';
import { FreshFile } from '../store/fresh.js';
import type { Look } from './look.js';

/** Urgency of a log line. */
type Level = 'info' | 'warning' | 'error';

/** An event for the log, for people and for programs. */
interface LogEvent {
  readonly level: Level;
  /** Stable name, such as `repaired`. */
  readonly event: string;
  readonly message: string;
  /** Numbers and words for programs; file names are not escaped. */
  readonly details?: Readonly<Record<string, string | number | boolean | null>>;
  /** Present for a state that lasts: it is logged once an hour. A text names the state where the words of its lines change. */
  readonly hourly?: true | string;
}

type LogFormat = 'text' | 'json';

/** Receives each event. */
export type Log = (event: LogEvent) => void;

/** Formats a log line, without its end. Control characters of file names and messages are escaped. */
export function logLine({ level, event, message, details }: LogEvent, format: LogFormat, time: Date): string {
  const stamp = time.toISOString();
  if (format === 'json') {
    return jsonText({ time: stamp, level, event, message, ...details });
  }
  return `${stamp} gdbm-doctor ${level}: ${escapeControls(message)}`;
}

/** Escapes characters that would break the line or control a terminal. */
function escapeControls(text: string): string {
  // eslint-disable-next-line no-control-regex -- the function searches for them
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (one) => {
    return `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

/** State of one database, for Prometheus and health checks. Times in milliseconds since 1970. */
export interface Status {
  readonly path: string;
  /** The temporary database that the program uses instead, because the place of its own one cannot be written. */
  readonly temporary: string | undefined;
  readonly look: Look | undefined;
  readonly lookedAt: number | undefined;
  readonly looks: number;
  readonly repairs: number;
  readonly failedRepairs: number;
  readonly restores: number;
  /** Records that repairs lost. */
  readonly lost: number;
  readonly snapshotAt: number | undefined;
  /** When the database last was in a good state that a snapshot has; the beginning of the watch before. */
  readonly goodAt: number;
}

export function newStatus(path: string, temporary?: string): Status {
  return {
    path,
    temporary,
    look: undefined,
    lookedAt: undefined,
    looks: 0,
    repairs: 0,
    failedRepairs: 0,
    restores: 0,
    lost: 0,
    snapshotAt: undefined,
    goodAt: Date.now(),
  };
}

/**
 * Checks that the last look saw a database that its program can use, or one that is being written. A temporary one is lost
 * with its container, and so is not healthy; nor is one of a kind that cannot be checked.
 */
export function isHealthy({ look, temporary }: Status): boolean {
  return temporary === undefined && look !== undefined && ['clean', 'changing'].includes(look.verdict);
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
    help: '1 if the last look saw a usable database, NaN if its kind cannot be checked.',
    value: (status) => (status.look?.verdict === 'not-checked' ? NaN : Number(isHealthy(status))),
  },
  {
    name: 'gdbm_doctor_temporary',
    type: 'gauge',
    help: '1 if the program uses a temporary database, because the place of its own one cannot be written.',
    value: ({ temporary }) => Number(temporary !== undefined),
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
    name: 'gdbm_doctor_lost_records_total',
    type: 'counter',
    help: 'Records that repairs could not recover.',
    value: ({ lost }) => lost,
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
  {
    name: 'gdbm_doctor_last_good_age_seconds',
    type: 'gauge',
    help: 'Seconds since the database was in a good state that a snapshot has.',
    value: ({ goodAt }) => Math.max(0, Date.now() - goodAt) / 1000,
  },
];

/** The states in Prometheus' text format. */
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

/** A line for each database: `healthy` or the fault. */
export function healthText(statuses: readonly Status[]): string {
  return statuses
    .map((status) => `${isHealthy(status) ? 'healthy' : `unhealthy: ${faultOf(status)}`}\n`)
    .join('');
}

function faultOf({ look, temporary }: Status): string {
  if (temporary !== undefined) return `its place cannot be written; the program uses ${temporary} for now`;
  return look?.what ?? 'not looked at yet';
}

/** Destinations of the log, the metrics and the health; each may be left out. */
interface OutletOptions {
  readonly logFormat: LogFormat;
  readonly logFile: string | undefined;
  readonly metricsFile: string | undefined;
  readonly healthFile: string | undefined;
}

/** Milliseconds between two lines of a state that lasts. */
const HOUR = 3_600_000;
/** Lasting states that are remembered. */
const MAX_LASTING = 1000;

/** Lines that wait for a log file on a stuck volume, at most. */
const MAX_WAITING = 1000;

/** Appends. Without O_NONBLOCK a pipe that nobody reads would keep the guard beyond the end of its program. */
const APPEND = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NONBLOCK;

/** Mode of metrics and health, before the umask: monitors of other users read them. */
const PUBLIC = 0o644;

/**
 * Refuses to replace anything but a file or a link, such as a pipe that was put there since the start.
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
 * Writes the log, the metrics and the health file. Text that cannot be written is left out, which is logged once for each
 * file. Nothing is thrown.
 */
export class Outlets {
  readonly #options: OutletOptions;
  readonly #waiting: string[] = [];
  readonly #reported = new Set<string>();
  /** Time of each lasting state's last line. */
  readonly #lasting = new Map<string, number>();
  #writing: Promise<void> | undefined;

  constructor(options: OutletOptions) {
    this.#options = options;
  }

  readonly log: Log = (event: LogEvent) => {
    const { hourly, message } = event;
    if (hourly !== undefined && !this.#isDue(hourly === true ? message : hourly)) return;
    const line = this.#logToStderr(event);
    if (this.#options.logFile === undefined || this.#waiting.length >= MAX_WAITING) return;
    this.#waiting.push(line);
    this.#writing ??= this.#drain(this.#options.logFile);
  };

  #isDue(state: string): boolean {
    const now = performance.now();
    if (now - (this.#lasting.get(state) ?? -HOUR) < HOUR) return false;
    if (this.#lasting.size >= MAX_LASTING) this.#lasting.clear();
    this.#lasting.set(state, now);
    return true;
  }

  #logToStderr(event: LogEvent): string {
    const line = `${logLine(event, this.#options.logFormat, new Date())}\n`;
    try {
      process.stderr.write(line);
    } catch {
      // The reader has gone.
    }
    return line;
  }

  #reportTrouble(path: string, error: unknown): void {
    if (this.#reported.has(path)) return;
    this.#reported.add(path);
    const message = `${path}: cannot be written to: ${(error as Error).message}. It is left out, and this is not said again.`;
    this.#logToStderr({ level: 'warning', event: 'outlet-failed', message, details: { path } });
  }

  /** Writes the states to the metrics and the health file, each in one step. */
  async publish(statuses: readonly Status[]): Promise<void> {
    const { metricsFile, healthFile } = this.#options;
    if (metricsFile !== undefined) await this.#replace(metricsFile, metricsText(statuses));
    if (healthFile === undefined) return;
    // A health check only tests whether the file exists.
    if (statuses.every(isHealthy)) await this.#replace(healthFile, healthText(statuses));
    else await this.#remove(healthFile);
  }

  /** Waits until every line is in the log file. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  async #drain(path: string): Promise<void> {
    while (this.#waiting.length > 0) {
      const text = this.#waiting.splice(0).join('');
      await appendFile(path, text, { mode: 0o600, flag: APPEND as unknown as string }).catch(
        (error: unknown) => this.#reportTrouble(path, error),
      );
    }
    this.#writing = undefined;
  }

  /**
   * Writes a file under a random name and renames it, so that it follows no link and blocks on no pipe that was put there,
   * and a reader never sees half of it.
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
      this.#reportTrouble(path, error);
    }
  }

  async #remove(path: string): Promise<void> {
    try {
      await requireReplaceable(path);
      await unlink(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#reportTrouble(path, error);
    }
  }
}
