import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { HostedCommands } from './hosted.js';

/** The command as it is installed. */
export const INSTALLED = fileURLToPath(new URL('../../bin/gdbm-doctor.js', import.meta.url));
/** The program in one file, which starts in half the time; `bundle.test.ts` holds it against the installed one. */
export const BIN = fileURLToPath(new URL('../../dist/gdbm-doctor.cjs', import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly raw: Buffer;
}

/** A text with its lines joined: a report breaks a sentence anywhere, as its paths are long or short. */
export function joined(text: string): string {
  return text.replaceAll(/\s+/g, ' ');
}

const commands = new HostedCommands(fileURLToPath(new URL('../..', import.meta.url)));

/** Commands that start the program again, for each look, and end their process themselves. */
const ALONE = ['guard', 'watch'];

/**
 * Runs the real command: without an environment of its own in a process that stays, which saves the start of Node; else
 * as {@link cliProcess} does.
 */
export async function cli(args: readonly string[], env?: Record<string, string>): Promise<Ran> {
  if (env !== undefined || ALONE.includes(args[0])) return cliProcess(args, env);
  const { code, stdout, stderr } = await commands.run(args);
  return { code, raw: stdout, stdout: stdout.toString(), stderr: stderr.toString() };
}

/** Runs the real command in a process of its own, as its users do. */
export function cliProcess(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  return run(process.execPath, [BIN, ...args], env);
}

/**
 * Runs a program to its end.
 *
 * @param stdin is given to it, as far as it takes it
 */
export function run(
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
  stdin?: Iterable<Uint8Array>,
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      // The colour settings of the machine must not decide a test.
      env: { ...process.env, NO_COLOR: undefined, FORCE_COLOR: undefined, ...env },
      stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    if (stdin !== undefined && child.stdin !== null) {
      child.stdin.on('error', () => {});
      Readable.from(stdin).pipe(child.stdin);
    }
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      const raw = Buffer.concat(out);
      resolve({ code, raw, stdout: raw.toString(), stderr: Buffer.concat(err).toString() });
    });
  });
}
