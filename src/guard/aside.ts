import { link, mkdtemp, rename, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

/** Numbers tried for a name that is free. */
const MAX_NUMBER = 10_000;

/**
 * Sets a file aside under the first free name `NAME.~N~`, so that its program makes a new one.
 *
 * @returns the name
 * @throws NodeJS.ErrnoException the file is where it was
 */
export async function setAside(path: string): Promise<string> {
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
