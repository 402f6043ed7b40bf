import { resolve } from 'node:path';
import { listSnapshots } from '../snapshots/list.js';
import type { BestSnapshot } from '../watch/gain.js';
import type { LogFormat } from '../watch/log.js';
import type { Mending } from '../watch/mend.js';
import { Outlets } from '../watch/outlets.js';
import { ownCommands } from '../watch/own.js';

/** What `watch` and `guard` have in common. */
export interface WatchingOptions {
  /** Seconds between looks. */
  readonly interval: number;
  readonly profile: string;
  readonly snapshots: string | undefined;
  readonly keep: number;
  readonly logFile: string | undefined;
  readonly logFormat: LogFormat;
  readonly metricsFile: string | undefined;
  readonly healthFile: string | undefined;
}

/** Where the log, the metrics and the health go. */
export function outletsFor(options: WatchingOptions): Outlets {
  return new Outlets(options);
}

/** Everything that mending one database needs, and the options of a look at it. */
export function mendingFor(
  file: string,
  { profile, snapshots, keep }: WatchingOptions,
  outlets: Outlets,
): { mending: Mending; lookOptions: string[] } {
  // Whole, so that a name that begins with a dash is no option of our own commands.
  const path = resolve(file);
  const profileOptions = [`--profile=${profile}`];
  const folderOptions = snapshots === undefined ? [] : [`--snapshots=${snapshots}`];
  const script = process.argv[1];
  const mending: Mending = {
    own: ownCommands([process.execPath, ...process.execArgv, script]),
    log: outlets.log,
    path,
    profileOptions,
    folderOptions,
    bestSnapshot: () => newestGood(path, snapshots),
  };
  return { mending, lookOptions: [...profileOptions, ...folderOptions, `--keep=${keep}`] };
}

async function newestGood(path: string, dir: string | undefined): Promise<BestSnapshot | undefined> {
  try {
    const { snapshots } = await listSnapshots(path, { dir });
    return snapshots.find(({ poor, records }) => !poor && records > 0);
  } catch {
    // A folder that cannot be read is as good as none; the look says so where it wants to write there.
    return undefined;
  }
}
