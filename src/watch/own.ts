import { spawn } from 'node:child_process';
import type { Look } from './look.js';
import { bareLook, parseLook } from './look.js';

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
