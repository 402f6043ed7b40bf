import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { realPathOf } from '../store/held.js';
import type { WatchingOptions } from './watching.js';

/** A file that is written to, or a database that must not be. */
interface Place {
  /** What a person calls it: an option, or the database. */
  readonly name: string;
  readonly path: string;
  readonly real: string;
  /** Undefined where there is none yet. */
  readonly stats: BigIntStats | undefined;
}

/**
 * What is wrong with the files that a log, metrics and health are to go to: one that is a database would destroy it, and
 * two that are one file each other.
 *
 * @returns undefined where nothing is
 */
export async function judgeOutlets(
  databases: readonly string[],
  { logFile, metricsFile, healthFile }: WatchingOptions,
): Promise<string | undefined> {
  const outlets: Place[] = [];
  for (const [name, path] of [
    ['--log-file', logFile],
    ['--metrics-file', metricsFile],
    ['--health-file', healthFile],
  ] as const) {
    if (path !== undefined) outlets.push(await placeOf(name, path));
  }
  // A log can go to a terminal or a pipe. The others are replaced and removed, which no device survives.
  const device = outlets.find(
    ({ name, stats }) =>
      name !== '--log-file' && stats !== undefined && !stats.isFile() && !stats.isDirectory(),
  );
  if (device !== undefined) {
    return `expected ${device.name} to name a file of its own, found that ${device.path} is no regular file`;
  }
  const taken = await Promise.all(databases.map((path) => placeOf('the database', path)));
  for (const one of outlets) {
    const other = taken.find((place) => isOne(place, one));
    if (other !== undefined) {
      const found = `found ${one.path}, which is ${other.name}${other.path === one.path ? '' : ` ${other.path}`}`;
      return `expected ${one.name} to name a file of its own, ${found}. Nothing was written; name another file`;
    }
    taken.push(one);
  }
  return undefined;
}

async function placeOf(name: string, path: string): Promise<Place> {
  return {
    name,
    path,
    real: await realPathOf(path).catch(() => resolve(path)),
    stats: await stat(path, { bigint: true }).catch(() => undefined),
  };
}

function isOne(a: Place, b: Place): boolean {
  if (a.real === b.real) return true;
  return a.stats !== undefined && a.stats.dev === b.stats?.dev && a.stats.ino === b.stats.ino;
}
