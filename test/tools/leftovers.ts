import { readdirSync, readFileSync } from 'node:fs';

/** Marks what a run of the tests started, in the environment that every child inherits. */
export const MARK = 'GDBM_DOCTOR_TEST_RUN';

/**
 * Ends what tests of this run left behind, whose own process is gone: a test file that hung was ended, and nobody else
 * ends its children, which may hold the run's output open for ever. Only where there is a /proc.
 *
 * @param mark the value of {@link MARK} that only this run has
 * @returns how many processes that were
 */
export function endLeftovers(mark: string): number {
  let ended = 0;
  for (const pid of orphansOf(mark)) {
    try {
      process.kill(pid, 'SIGKILL');
      ended++;
    } catch {
      // It is gone already.
    }
  }
  return ended;
}

/** Processes with the mark that do not descend from this one. */
function orphansOf(mark: string): number[] {
  const pids = listed('/proc').filter((name) => /^\d+$/.test(name));
  const parents = new Map(pids.map((pid) => [pid, parentOf(pid)]));
  return pids
    .filter((pid) => {
      for (let at: string | undefined = pid; at !== undefined; at = parents.get(at)) {
        if (at === String(process.pid)) return false;
      }
      return read(`/proc/${pid}/environ`).split('\0').includes(`${MARK}=${mark}`);
    })
    .map(Number);
}

function parentOf(pid: string): string | undefined {
  return /^PPid:\s*([1-9]\d*)$/m.exec(read(`/proc/${pid}/status`))?.[1];
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
