import { readFile } from 'node:fs/promises';
import { run, type Ran } from './cli.js';

/** A fault that strace injects into a system call. */
export type Fault = 'signal=SIGKILL' | 'error=EIO' | 'error=ENOSPC';

/** One thread makes all the calls, so that the Nth one is the same each time. */
const ENV = { UV_THREADPOOL_SIZE: '1' };
const OPTIONS = ['-f', '-qq'];
/** The kernel stops the program for the traced calls only. With it, strace 6.1 injects no signal into the second call. */
const FAST = '--seccomp-bpf';

/**
 * Counts the system calls of some kinds that a command makes without a fault: the most that one thread makes, because
 * strace counts those of each thread. The command must end with 0.
 */
export async function countCalls(
  log: string,
  calls: readonly string[],
  command: readonly string[],
): Promise<Record<string, number>> {
  const ran = await run(
    'strace',
    [FAST, ...OPTIONS, '-o', log, '-e', `trace=${calls.join(',')}`, ...command],
    ENV,
  );
  if (ran.code !== 0) throw new Error(`expected the exit code 0, found ${ran.code}: ${ran.stderr}`);
  const most = Object.fromEntries(calls.map((call) => [call, 0]));
  const counts = new Map<string, number>();
  for (const [thread, call] of (await readFile(log, 'latin1')).matchAll(/^\d+ +(\w+)\(/gm)) {
    const count = (counts.get(thread) ?? 0) + 1;
    counts.set(thread, count);
    most[call] = Math.max(most[call], count);
  }
  return most;
}

/** Runs a command with a fault at the Nth call of a kind. */
export async function runWithFault(
  log: string,
  { call, n, fault }: { readonly call: string; readonly n: number; readonly fault: Fault },
  command: readonly string[],
): Promise<Ran> {
  const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:${fault}:when=${n}`];
  const options = fault.startsWith('error') ? [FAST, ...OPTIONS] : OPTIONS;
  const ran = await run('strace', [...options, '-o', log, ...inject, '--', ...command], ENV);
  // strace ends as its child did: by the signal, so without a code.
  if (ran.code !== null && !(await readFile(log, 'latin1')).includes('INJECTED'))
    throw new Error(`${call} number ${n} did not come`);
  return ran;
}
