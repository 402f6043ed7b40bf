import { spawn } from 'node:child_process';

/**
 * What one look at a database saw. `clean`: it is sound, and its program can load it. `damaged`: it is not. `changing`:
 * somebody wrote to it meanwhile. `missing`: there is no such file. `foreign`: it is sound, but of another kind, such as
 * SQLite. `other-machine`: it is sound, but libgdbm here cannot use it. `unreadable`: the file could not be read. `unknown`: the look itself failed, which says nothing of the file.
 */
export interface Look {
  readonly path: string;
  readonly verdict:
    'clean' | 'damaged' | 'changing' | 'missing' | 'foreign' | 'other-machine' | 'unreadable' | 'unknown';
  /** What was found, in a few words. */
  readonly what: string;
  readonly records: number;
  /** Bytes of the file. */
  readonly size: number;
  /** The profile, and whether its program gets what it needs from the file. */
  readonly profile: string;
  readonly usable: boolean;
  /**
   * Whether its program loads what is there although it is damaged: the structure is sound, and a repair would leave every
   * value as it is. To mend it costs more than it brings.
   */
  readonly loads: boolean;
  /** What the file was: its device, inode, size and time; `missing` where there is none, empty where that is not known. */
  readonly state: string;
  /** Names the damage: the file's size, time and inode and its findings. */
  readonly digest: string;
  /** Whether somebody holds a lock; null where that cannot be seen, and another look is needed. */
  readonly held: boolean | null;
  /** The snapshot that holds these contents, and whether it was just taken. */
  readonly snapshot: { readonly id: string; readonly taken: boolean; readonly poor: string | null } | null;
  /** Why none was taken, where one was wanted. */
  readonly snapshotTrouble: string | null;
}

/** A look that saw no database to tell more of. */
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
    held: null,
    snapshot: null,
    snapshotTrouble: null,
  };
}

/** Reads the line that `look` prints; undefined where it is none. */
export function parseLook(text: string): Look | undefined {
  try {
    const look = JSON.parse(text) as Look;
    return typeof look === 'object' && look !== null && typeof look.verdict === 'string' ? look : undefined;
  } catch {
    return undefined;
  }
}

/** What one of our own commands answered. */
export interface OwnAnswer {
  /** Its exit code; 128 + n where a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  /** The last line of what it told people. */
  readonly said: string;
}

/**
 * Runs this program's own commands as processes of their own. So a look may take the memory that it needs and give it
 * all back, and whatever goes wrong in one does not end the program that is guarded.
 */
export type Own = (args: readonly string[]) => Promise<OwnAnswer>;

/** Output that is kept: a look's line is small, a report's first part is enough. */
const MAX_OUTPUT = 1 << 22;
/** A look or repair that takes longer hangs, as on a dead network file system. */
const MILLISECONDS = 30 * 60_000;

/** @param program the node executable, its options and the script, as this process was started */
export function ownCommands(program: readonly string[]): Own {
  const [file, ...first] = program;
  return (args) =>
    new Promise((resolve) => {
      const child = spawn(file, [...first, ...args], {
        stdio: ['ignore', 'pipe', 'pipe'],
        // A terminal's Ctrl-C is for the guarded program; a repair ends by itself.
        detached: true,
        timeout: MILLISECONDS,
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

/** One look at a database, by a process of its own. */
export async function lookAt(own: Own, path: string, options: readonly string[]): Promise<Look> {
  const { code, stdout, said } = await own(['look', ...options, path]);
  const look = parseLook(stdout);
  if (look !== undefined) return look;
  return bareLook(path, 'unknown', `the look failed: ${said === '' ? `it ended with ${code}` : said}`);
}
