import type { BigIntStats } from 'node:fs';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import type { Access, PlaceFacts } from './volumefacts.js';

/**
 * Describes a file or folder that stat has seen. Asks with access(2), which counts group, capabilities and the
 * server's own opinion, and opens nothing.
 */
export async function placeFacts(path: string, stats: BigIntStats): Promise<PlaceFacts> {
  const isFolder = stats.isDirectory();
  const { R_OK, W_OK, X_OK } = constants;
  return {
    kind: isFolder ? 'directory' : stats.isFile() ? 'file' : 'other',
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mode: Number(stats.mode & 0o7777n),
    size: Number(stats.size),
    read: await ask(path, R_OK),
    write: await ask(path, isFolder ? W_OK | X_OK : W_OK),
  };
}

/** Whether files in a folder can be reached. */
export async function maySearch(path: string): Promise<boolean> {
  return (await ask(path, constants.X_OK)) === 'allowed';
}

async function ask(path: string, mode: number): Promise<Access> {
  try {
    await access(path, mode);
    return 'allowed';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'EIO';
  }
}
