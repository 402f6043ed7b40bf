import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { ArgumentsCamelCase, InferredOptionTypes } from 'yargs';
import { commandRunner } from '../service/look.js';
import type { Mending } from '../service/mend.js';
import { bestSnapshotOf } from '../service/mend.js';
import { isHealthy, Outlets } from '../service/outlets.js';
import { lookAtAll, Watcher, watchLoop } from '../service/watcher.js';
import { realPathOf } from '../store/held.js';
import type { Keep } from '../store/retention.js';
import { KEEP } from '../store/retention.js';
import { defineCommand, file, profile, snapshots } from './options.js';
import { parseInclude, parseMaxLoss } from './repairlimits.js';
import { EXIT, tell } from './terminal.js';

export const keep = {
  type: 'string',
  requiresArg: true,
  default: Object.values(KEEP).join(','),
  coerce: parseKeep,
  describe: 'Snapshots that are kept: the last ones, then one an hour, a day, a week',
} as const;

export const maxBytes = {
  type: 'string',
  requiresArg: true,
  coerce: parseBytes,
  describe: 'Bytes of snapshots and backups together, such as 500M; 20 % of their volume by default',
} as const;

/**
 * Parses counts as `LAST,HOURLY,DAILY,WEEKLY`; those that are left out are 0.
 *
 * @throws Error
 */
function parseKeep(texts: string | string[]): Keep {
  const text = [texts].flat().at(-1)!;
  const [last, hourly = 0, daily = 0, weekly = 0, ...more] = text.split(',').map(Number);
  const all = [last, hourly, daily, weekly];
  if (more.length > 0 || last < 1 || !/^[\d,]+$/.test(text) || !all.every(Number.isSafeInteger))
    throw new Error(`expected --keep LAST,HOURLY,DAILY,WEEKLY, such as ${keep.default}, found "${text}"`);
  return { last, hourly, daily, weekly };
}

/** @throws Error */
function parseBytes(texts: string | string[]): number {
  const text = [texts].flat().at(-1)!;
  const match = /^(\d+)([KMGT]?)$/i.exec(text);
  if (match === null)
    throw new Error(`expected --max-bytes as a number of bytes, such as 500M, found "${text}"`);
  return Number(match[1]) * 1024 ** ' KMGT'.indexOf(match[2].toUpperCase() || ' ');
}

/** The options that `watch` and `guard` have in common. */
export const watching = {
  interval: { type: 'number', default: 60, requiresArg: true, describe: 'Seconds between looks' },
  profile,
  snapshots,
  keep,
  'max-bytes': maxBytes,
  include: {
    type: 'string',
    requiresArg: true,
    coerce: (texts: string | string[]) => parseInclude(texts).join(','),
    describe: 'What a repair adds, as of repair: stale, deleted, carved, or several: a,b',
  },
  'max-loss': {
    type: 'string',
    requiresArg: true,
    coerce: (texts: string | string[]) => {
      parseMaxLoss(texts);
      return [texts].flat().at(-1)!;
    },
    describe: 'Refuse a repair that loses more: a number of records or N%',
  },
  'log-file': { type: 'string', requiresArg: true, describe: 'Also write the log here' },
  'log-format': {
    choices: ['text', 'json'] as const,
    default: 'text' as const,
    requiresArg: true,
    describe: 'A line of text or of JSON for each step',
  },
  'metrics-file': {
    type: 'string',
    requiresArg: true,
    describe: "Write the state here, in Prometheus' text format",
  },
  'health-file': {
    type: 'string',
    requiresArg: true,
    describe: 'A file that is there as long as the database is healthy',
  },
} as const;

type WatchingArguments = ArgumentsCamelCase<InferredOptionTypes<typeof watching>>;

export const intervalIsValid = ({ interval }: { interval: number }) =>
  (interval > 0 && Number.isFinite(interval)) || 'expected --interval SECONDS of more than 0';

/** Milliseconds between the two looks of `--once`. */
const SECOND_LOOK_AFTER = 2000;

/** Watches databases from outside, until a signal ends it. */
export const command = defineCommand(
  (parser) =>
    parser
      .positional('files', { ...file, array: true })
      .options({
        ...watching,
        once: {
          type: 'boolean',
          default: false,
          describe: 'Look once, twice if that is needed to be sure',
        },
      })
      .check(
        ({ files, snapshots }) =>
          snapshots === undefined ||
          files.length === 1 ||
          `expected one file with --snapshots DIR, found ${files.length}, whose snapshots would mix there. Leave ` +
            'it out, and those of each are beside it in .NAME.snapshots; or run a watch for each',
      )
      .check(intervalIsValid)
      .example('$0 watch --interval 30 /data/flower.db', 'In a sidecar')
      .example('$0 watch --once /data/flower.db', 'From cron'),
  async ({ files, once, ...options }) => {
    const wrong = await judgeOutlets(files, options);
    if (wrong !== undefined) {
      tell(`${wrong}.`);
      return EXIT.failed;
    }
    const outlets = new Outlets(options);
    const watchers = files.map((path) => {
      const { mending, lookOptions } = mendingFor(path, options, outlets);
      return new Watcher(mending, lookOptions);
    });
    if (once) {
      if (await lookAtAll(watchers, outlets)) {
        await setTimeout(SECOND_LOOK_AFTER);
        await lookAtAll(watchers, outlets);
      }
    } else {
      // A watch that is told to stop has done its work; `--once` ends by the signal itself.
      const stop = new AbortController();
      for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => stop.abort());
      await watchLoop(watchers, outlets, options.interval * 1000, stop.signal);
    }
    await outlets.flush();
    return watchers.every(({ status }) => isHealthy(status)) ? EXIT.ok : EXIT.damaged;
  },
);

/** A file that is written to, or a database, which must not be. */
interface NamedFile {
  /** The option, or "the database". */
  readonly name: string;
  readonly path: string;
  readonly real: string;
  /** Undefined if there is none yet. */
  readonly stats: BigIntStats | undefined;
}

/**
 * Judges the files of the log, the metrics and the health: one that is a database would destroy it, and two that are one
 * file would destroy each other.
 *
 * @returns the error; undefined if there is none
 */
export async function judgeOutlets(
  databases: readonly string[],
  { logFile, metricsFile, healthFile }: WatchingArguments,
): Promise<string | undefined> {
  const options = { '--log-file': logFile, '--metrics-file': metricsFile, '--health-file': healthFile };
  const taken = await Promise.all(databases.map((path) => namedFile('the database', path)));
  for (const [name, path] of Object.entries(options)) {
    if (path === undefined) continue;
    const one = await namedFile(name, path);
    const { stats } = one;
    // A log may go to a terminal or a pipe. The other files are replaced and removed, which no device survives.
    if (name !== '--log-file' && stats !== undefined && !stats.isFile() && !stats.isDirectory()) {
      return `expected ${name} to name a file of its own, found that ${path} is no regular file`;
    }
    const other = taken.find((earlier) => isSameFile(earlier, one));
    if (other !== undefined) {
      const found = `found ${path}, which is ${other.name}${other.path === path ? '' : ` ${other.path}`}`;
      return `expected ${name} to name a file of its own, ${found}. Nothing was written; name another file`;
    }
    taken.push(one);
  }
  return undefined;
}

async function namedFile(name: string, path: string): Promise<NamedFile> {
  return {
    name,
    path,
    real: await realPathOf(path).catch(() => resolve(path)),
    stats: await stat(path, { bigint: true }).catch(() => undefined),
  };
}

function isSameFile(a: NamedFile, b: NamedFile): boolean {
  if (a.real === b.real) return true;
  return a.stats !== undefined && a.stats.dev === b.stats?.dev && a.stats.ino === b.stats.ino;
}

/** The means to mend one database, and the options of a look at it. */
export function mendingFor(
  file: string,
  { profile, snapshots, keep, maxBytes, include, maxLoss }: WatchingArguments,
  outlets: Outlets,
): { mending: Mending; lookOptions: string[] } {
  // Absolute, so that a name that begins with a dash is no option of our own commands.
  const path = resolve(file);
  const profileOptions = [`--profile=${profile}`];
  const folderOptions = snapshots === undefined ? [] : [`--snapshots=${snapshots}`];
  const limits = [`--keep=${Object.values(keep).join(',')}`];
  if (maxBytes !== undefined) limits.push(`--max-bytes=${maxBytes}`);
  const repairOptions: string[] = [];
  if (include !== undefined) repairOptions.push(`--include=${include}`);
  if (maxLoss !== undefined) repairOptions.push(`--max-loss=${maxLoss}`);
  const script = process.argv[1];
  const mending: Mending = {
    run: commandRunner([process.execPath, ...process.execArgv, script]),
    log: outlets.log,
    path,
    profileOptions,
    folderOptions,
    limitOptions: limits,
    repairOptions,
    counts: { lost: 0 },
    bestSnapshot: bestSnapshotOf(path, snapshots, outlets.log),
  };
  return { mending, lookOptions: [...profileOptions, ...folderOptions, ...limits] };
}
