import { refusal } from './errors.js';
import type { FreshFile } from './fresh.js';
import { giveRights } from './rights.js';
import type { HeldFile } from './target.js';

/**
 * Gives a fresh file the owner, permissions and ACL of the held one that it will replace.
 *
 * @returns notes for the operator
 * @throws RefusedError
 */
export async function dress(held: HeldFile, fresh: FreshFile): Promise<string[]> {
  try {
    const giving = { original: held.handle, name: 'The new file' };
    const notes = await giveRights(fresh.handle, held.stats, giving);
    await fresh.sync();
    return notes;
  } catch (error) {
    throw refusal(error, held.path, 'give the fresh file its mode');
  }
}
