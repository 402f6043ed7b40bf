import { link, mkdtemp, rename, stat, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { RefusedError } from '../replace/errors.js';
import type { HeldFile } from '../replace/target.js';
import { fileState, holdFile, requireState } from '../replace/target.js';

/** Numbers tried for a name that is free. */
const MAX_NUMBER = 10_000;

/** Not set aside, because another process has the file or wrote to it. */
export const IN_USE = Symbol('in use');

/**
 * Sets a file aside under the first free name `NAME.~N~`, so that its program makes a new one. A program that has it
 * open would go on with the file that is set aside, and lose what it saves then: only a file that nobody holds, and
 * that is still what the look saw, is renamed.
 *
 * @param seen what the look saw it to be, empty where it saw nothing; and whether another process was seen to have it,
 *   which counts where the file cannot be locked
 * @returns the name
 * @throws NodeJS.ErrnoException the file is where it was
 */
export async function setAside(
  path: string,
  { state, inUse }: { readonly state: string; readonly inUse: boolean },
): Promise<string | typeof IN_USE> {
  let held: HeldFile | undefined;
  try {
    held = await holdFile(path, { lock: 'exclusive', wait: 0, noLock: false });
    await requireState(held, state === '' ? undefined : state);
  } catch (error) {
    const busy = error instanceof RefusedError && (error.code === 'locked' || error.code === 'changed');
    // Where it cannot be locked, it must at least be what was seen.
    if (busy || inUse || (state !== '' && (await stateOf(path)) !== state)) {
      await held?.release();
      return IN_USE;
    }
  }
  try {
    return await moveAside(path);
  } finally {
    await held?.release();
  }
}

async function stateOf(path: string): Promise<string | undefined> {
  const now = await stat(path, { bigint: true }).catch(() => undefined);
  return now && fileState(now);
}

async function moveAside(path: string): Promise<string> {
  for (let n = 1; n <= MAX_NUMBER; n++) {
    const name = `${path}.~${n}~`;
    try {
      // A link fails where the name is taken; a rename would replace what has it.
      await link(path, name);
      await unlink(path);
      return name;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') continue;
      if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
      // A file system without hard links: time makes the name new enough.
      const late = `${path}.${Date.now()}~`;
      await rename(path, late);
      return late;
    }
  }
  throw new Error(`expected a free name ${path}.~N~, found ${MAX_NUMBER} that are taken`);
}

/** A name for a database in a private folder of the temporary one, for a volume that cannot be written to. */
export async function temporaryDatabase(path: string): Promise<string> {
  return join(await mkdtemp(join(tmpdir(), 'gdbm-doctor-')), basename(path));
}
