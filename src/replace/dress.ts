import { refusal } from './errors.js';
import type { FreshFile } from './fresh.js';
import { giveRights } from './rights.js';
import type { HeldFile } from './target.js';

/**
 * Gives a fresh file the owner, permissions and ACL of the held one that it will replace.
 *
 * @returns what the operator should know of it
 * @throws RefusedError
 */
export async function dress(held: HeldFile, fresh: FreshFile): Promise<string[]> {
  const notes: string[] = [];
  const { nlink } = held.stats;
  try {
    const giving = { original: held.handle, name: 'The new file' };
    notes.push(...(await giveRights(fresh.handle, held.stats, giving)));
    await fresh.sync();
  } catch (error) {
    throw refusal(error, held.path, 'give the fresh file its mode');
  }
  if (nlink > 1) {
    notes.push(`The file has ${nlink} names; the others still lead to it as it was.`);
  }
  return notes;
}
