import type { Ran } from './cli.js';
import { run } from './cli.js';
import { fixture } from './fixtures.js';

/**
 * Module that prints the peak memory of its process at its end, in KiB. On Linux getrusage(2) includes the peak of the
 * process that started this one, so that there the figure is VmHWM of this program alone.
 */
const TELL = `data:text/javascript,${encodeURIComponent(`
  import { readFileSync } from 'node:fs';
  const own = () => /^VmHWM:\\s+(\\d+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
  process.on('exit', () => {
    const peak = process.platform === 'linux' ? own() : process.resourceUsage().maxRSS;
    process._rawDebug('peak=' + peak);
  });
`)}`;
const env = { NODE_OPTIONS: `--max-old-space-size=64 --import=${TELL}` };

/** The end of a command, and its peak memory in MiB. */
export interface Measured extends Ran {
  readonly peak: number;
}

/**
 * Runs the program in one file and measures its memory.
 *
 * @param stdin is given to it
 */
export async function runMeasured(args: readonly string[], stdin?: Iterable<Uint8Array>): Promise<Measured> {
  const ran = await run(process.execPath, [fixture('../dist/gdbm-doctor.cjs'), ...args], env, stdin);
  return { ...ran, peak: Number(/^peak=(\d+)$/m.exec(ran.stderr)?.[1]) / 1024 };
}
