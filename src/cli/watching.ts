import { resolve } from 'node:path';
import { RefusedError } from '../store/errors.js';
import { newestGood } from '../store/list.js';
import { nameOf } from '../store/folder.js';
import type { BestSnapshot, Mending } from '../service/mend.js';
import type { Log, LogFormat } from '../service/outlets.js';
import { Outlets } from '../service/outlets.js';
import { ownCommands } from '../service/look.js';

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
    bestSnapshot: bestSnapshotOf(path, snapshots, outlets.log),
  };
  return { mending, lookOptions: [...profileOptions, ...folderOptions, `--keep=${keep}`] };
}

/** Finds the newest good snapshot that is intact; what is wrong with others is said once. */
function bestSnapshotOf(path: string, dir: string | undefined, log: Log): Mending['bestSnapshot'] {
  const said = new Set<string>();
  const say = (event: string, message: string) => {
    if (!said.has(message)) log({ level: 'warning', event, message, details: { path } });
    said.add(message);
  };
  return async (): Promise<BestSnapshot | undefined> => {
    try {
      const { folder, other, untrusted, newest, damaged } = await newestGood(path, dir);
      if (other !== undefined) {
        const whose = `${folder}: expected snapshots of ${path}, found those of ${nameOf(other)}`;
        say('another-database', `${whose}; none is brought back. Name another folder with --snapshots DIR.`);
        return undefined;
      }
      for (const { path: one, why } of untrusted)
        say('snapshot-not-trusted', `${one}: this snapshot is not used: ${why}`);
      for (const { path: one } of damaged) say('snapshot-damaged', `${one}: this snapshot is damaged`);
      return newest;
    } catch (error) {
      if (error instanceof RefusedError && error.code === 'not-trusted') {
        say('snapshots-not-trusted', error.message);
      }
      // A folder that cannot be read is as good as none; the look says so where it wants to write there.
      return undefined;
    }
  };
}
