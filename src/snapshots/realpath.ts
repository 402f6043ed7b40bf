import { readlink, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

/** As many symbolic links as Linux itself follows. */
const MAX_LINKS = 40;

/**
 * Where a path leads, absolute, also where no file is there yet: snapshots are beside the file itself, not beside a
 * link to it.
 *
 * @throws NodeJS.ErrnoException where the folder cannot be reached
 */
export async function leadsTo(path: string, links = MAX_LINKS): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || links === 0) throw error;
  }
  const target = await readlink(path).catch(() => undefined);
  if (target !== undefined) return leadsTo(resolve(dirname(path), target), links - 1);
  return join(await realpath(dirname(path)), basename(path));
}
