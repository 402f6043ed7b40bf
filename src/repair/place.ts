import { lstat } from 'node:fs/promises';
import { refusal } from '../store/errors.js';
import type { FreshFile } from '../store/fresh.js';
import { handOnRights, placeFile, replaceFile } from '../store/replace.js';
import type { HeldFile } from '../store/held.js';

/** The place that a fresh database took. */
export interface Placed {
  readonly output: string;
  /** The held file as it was; undefined where it was not replaced, or no backup was wanted. */
  readonly backup: string | undefined;
  readonly notes: readonly string[];
}

/**
 * Gives a fresh database, synced and verified, the place of the held file, or the free name that the user gave, with the
 * held file's owner and mode.
 *
 * @param during names the work in an error's text, such as `the repair`
 * @throws RefusedError; the held file is as it was
 */
export async function placeFresh(
  held: HeldFile,
  fresh: FreshFile,
  { output, backup = true }: { readonly output?: string | undefined; readonly backup?: boolean | undefined },
  during: string,
): Promise<Placed> {
  if (output !== undefined) {
    const notes = await handOnRights(held, fresh);
    await placeFile(fresh, output);
    return { output, backup: undefined, notes };
  }
  return { output: held.realPath, ...(await replaceFile(held, fresh, during, backup)) };
}

/** Refuses a name that is taken before the work begins, not at its end. */
export async function requireFree(path: string): Promise<void> {
  const taken = await lstat(path).then(
    () => true,
    () => false,
  );
  if (taken) throw refusal({ code: 'EEXIST' }, path, 'make it');
}
