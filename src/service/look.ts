import { spawn } from 'node:child_process';

/**
 * Result of one look at a database. The verdicts:
 *
 * - `clean`: it is sound, and its program can load it.
 * - `damaged`: it is not.
 * - `changing`: a program wrote to it meanwhile.
 * - `missing`: there is no such file.
 * - `not-checked`: it is of another kind, such as Berkeley DB, and could not be checked.
 * - `other-machine`: it is sound, but libgdbm here cannot use it until it is converted.
 * - `unreadable`: the file could not be read.
 * - `unknown`: the look itself failed, which says nothing about the file.
 */
export interface Look {
  readonly path: string;
  readonly verdict:
    'clean' | 'damaged' | 'changing' | 'missing' | 'not-checked' | 'other-machine' | 'unreadable' | 'unknown';
  /** The finding in a few words, without the path. */
  readonly what: string;
  readonly records: number;
  /** Number of tasks, if it is a Flower's. */
  readonly tasks?: number;
  /** Bytes of the file. */
  readonly size: number;
  /** The profile, and whether its program gets what it needs from the file, on a machine that can use it. */
  readonly profile: string;
  readonly usable: boolean;
  /**
   * True if its program loads the file although it is damaged: the structure is sound, and a repair would leave every value
   * as it is. A snapshot would cost more than it brings.
   */
  readonly loads: boolean;
  /** The state (`fileState`) of the file: `missing` if there is none, empty if it is unknown. */
  readonly state: string;
  /** Identifies the damage: the file's state and its findings; of a sound file only the state. */
  readonly digest: string;
  /** The most that another process does with the file; null if that cannot be seen, or was not looked for. */
  readonly use: 'locked' | 'open' | 'none' | null;
  /** The process that does, such as `process 12 (celery)`; null if none was seen. */
  readonly holder: string | null;
  /** The snapshot that holds these bytes: just taken, or the newest one already; null if none does. */
  readonly snapshot: {
    readonly id: string;
    readonly taken: boolean;
    readonly poor: string | null;
    /** Paths of older backups of the database that were removed. */
    readonly removedBackups: readonly string[];
  } | null;
  /** Why a wanted snapshot was not taken. */
  readonly snapshotTrouble: string | null;
}

/**
 * Returns true if another process was seen in the way of what follows a look: it has the file locked or, if the file is to
 * be written anew, open, since a program without locks may be saving it.
 */
export function isInUse({ verdict, use }: Pick<Look, 'verdict' | 'use'>): boolean {
  return use === 'locked' || ((verdict === 'damaged' || verdict === 'other-machine') && use === 'open');
}

/** A look that saw no database. */
export function bareLook(path: string, verdict: Look['verdict'], what: string): Look {
  return {
    path,
    verdict,
    what,
    records: 0,
    size: 0,
    profile: 'none',
    usable: false,
    loads: false,
    state: '',
    digest: '',
    use: null,
    holder: null,
    snapshot: null,
    snapshotTrouble: null,
  };
}

/** Parses the output of the `look` command; undefined if it is none. */
export function parseLook(text: string): Look | undefined {
  try {
    const look = JSON.parse(text) as Look;
    return typeof look === 'object' && look !== null && typeof look.verdict === 'string' ? look : undefined;
  } catch {
    return undefined;
  }
}

/** A message about a file without the path at its beginning, for a log line that has the path already. */
export function withoutPath(message: string, path: string): string {
  return message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message;
}

/** Result of one of this program's own commands. */
export interface CommandResult {
  /** Its exit code; 128 if a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  /** The last line of stderr, or the signal that ended it. */
  readonly said: string;
}

/**
 * Runs one of this program's own commands in a process of its own. There a look may take all the memory that it needs and
 * returns it at its end, and no failure ends the guarded program.
 */
export type RunCommand = (args: readonly string[]) => Promise<CommandResult>;

/** Characters of output that are kept: a look prints little, and the first part of a report is enough. */
const MAX_OUTPUT = 1 << 22;
/** Milliseconds after which a command must be stuck, as on a dead network file system. */
const TIMEOUT = 30 * 60_000;

/** @param program the node executable, its options and the script, as of this process */
export function commandRunner(program: readonly string[]): RunCommand {
  const [file, ...first] = program;
  return (args) =>
    new Promise((resolve) => {
      const child = spawn(file, [...first, ...args], {
        stdio: ['ignore', 'pipe', 'pipe'],
        // A terminal's Ctrl-C is for the guarded program; a repair must not be interrupted by it.
        detached: true,
        timeout: TIMEOUT,
        killSignal: 'SIGKILL',
      });
      let stdout = '';
      let stderr = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        if (stdout.length < MAX_OUTPUT) stdout += text;
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr = (stderr + text).slice(-4096);
      });
      child.once('error', (error) => resolve({ code: 126, stdout: '', said: error.message }));
      child.once('close', (code, signal) => {
        const said = stderr.trim().split('\n').at(-1) ?? '';
        resolve({ code: code ?? 128, stdout, said: signal === null ? said : `ended by ${signal}` });
      });
    });
}

/** Looks once at a database, in a process of its own. */
export async function lookAt(run: RunCommand, path: string, options: readonly string[]): Promise<Look> {
  const { code, stdout, said } = await run(['look', ...options, path]);
  const look = parseLook(stdout);
  if (look !== undefined) return look;
  return bareLook(path, 'unknown', `the look failed: ${said === '' ? `it ended with ${code}` : said}`);
}
