import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Cost of one run of a command. */
export interface Run {
  readonly seconds: number;
  /** The most resident memory that was seen, in MiB; a command that ends within milliseconds may show none. */
  readonly peak: number;
}

/** Milliseconds between looks at a command's memory. */
const EVERY = 2;

/** Runs a command to its end, with its start. Its output goes nowhere. */
export function runOnce(command: readonly string[]): Promise<Run> {
  return new Promise((resolve, reject) => {
    const before = performance.now();
    const child = spawn(command[0], command.slice(1), { stdio: 'ignore' });
    let peak = 0;
    const timer = setInterval(() => {
      try {
        const status = readFileSync(`/proc/${child.pid}/status`, 'latin1');
        peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
      } catch {
        // It has just ended, or this is no Linux.
      }
    }, EVERY);
    child.once('error', reject);
    child.once('exit', () => {
      clearInterval(timer);
      resolve({ seconds: (performance.now() - before) / 1000, peak });
    });
  });
}

/** Medians and spreads of several runs. */
export interface Summary {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly peak: number;
}

export function summarise(runs: readonly Run[]): Summary {
  const times = runs.map(({ seconds }) => seconds).sort((a, b) => a - b);
  return {
    median: times[times.length >> 1],
    least: times[0],
    most: times[times.length - 1],
    peak: Math.max(...runs.map(({ peak }) => peak)),
  };
}
