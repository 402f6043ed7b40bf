import { refusal } from './errors.js';
import type { FreshFile } from './fresh.js';
import type { HeldFile } from './target.js';

/**
 * Gives a fresh file the owner and mode of the held one that it will replace.
 *
 * @returns what the operator should know of it
 * @throws RefusedError
 */
export async function dress(held: HeldFile, fresh: FreshFile): Promise<string[]> {
  const notes: string[] = [];
  const { uid, gid, nlink } = held.stats;
  try {
    if (!(await fresh.adopt(held.stats))) {
      notes.push(
        `The new file could not be given the owner ${uid}:${gid}. If its program cannot open it: chown ${uid}:${gid}.`,
      );
    }
    await fresh.sync();
  } catch (error) {
    throw refusal(error, held.path, 'give the fresh file its mode');
  }
  if (nlink > 1) {
    notes.push(`The file has ${nlink} names; the others still lead to it as it was.`);
  }
  return notes;
}
