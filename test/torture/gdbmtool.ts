import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LibGdbm } from '../tools/libgdbm.js';

/** Result of `gdbmtool recover` for a damaged file. */
export interface RecoveredByGdbmtool {
  /** Every key with its value, as the real library walks them; undefined where it refused. */
  readonly contents: ReadonlyMap<string, string> | undefined;
  /** Why the library cannot read what it left; `hung` or `crashed` where it did that. */
  readonly trouble: string | undefined;
}

/** Longer than it ever needs for files of this size. */
const MILLISECONDS = 20_000;

/**
 * Recovers damaged bytes with gdbmtool, in place in a copy, as it does. With `force`, so that its own check cannot
 * leave a file alone; measured over all models, neither leaving that out, nor `-m`, nor `reorganize` gives more.
 */
export async function recoverByGdbmtool(damaged: Uint8Array): Promise<RecoveredByGdbmtool> {
  const folder = await mkdtemp(join(tmpdir(), 'gdbm-doctor-torture-'));
  const lib = new LibGdbm();
  try {
    const path = join(folder, 'damaged.db');
    await writeFile(path, damaged);
    const trouble = await run('gdbmtool', ['--norc', path, 'recover', 'force']);
    if (trouble !== undefined) return { contents: undefined, trouble };
    const walked = await lib.walk(path);
    return { contents: new Map(walked.map(([key, value]) => [latin1Of(key), latin1Of(value)])), trouble };
  } catch (error) {
    // Its exit code is 0 even where it cannot open the file: that the library can walk what it left decides.
    return { contents: undefined, trouble: String(error) };
  } finally {
    lib.close();
    await rm(folder, { recursive: true });
  }
}

/** Runs a program: its error, or undefined if there is none. */
function run(program: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const options = { timeout: MILLISECONDS, killSignal: 'SIGKILL' as const };
    execFile(program, args, options, (error, _, stderr) => {
      if (error === null) resolve(undefined);
      else if (error.killed) resolve('hung');
      else if (typeof error.code === 'number') resolve(stderr.trim());
      else resolve(`crashed: ${error.signal ?? error.message}`);
    });
  });
}

function latin1Of(base64: string): string {
  return Buffer.from(base64, 'base64').toString('latin1');
}
