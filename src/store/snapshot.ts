import { RefusedError } from './errors.js';

/** The amount of what is in a database. */
export interface Contents {
  /** Number of records. */
  readonly records: number;
  /** Number of tasks, if it is a Flower's. */
  readonly tasks?: number;
  /** Bytes of keys and values. */
  readonly contentBytes?: number;
}

/** The amount in words: what its user counts. */
export function contentsText({ records, tasks }: Contents): string {
  const [count, noun] = tasks === undefined ? [records, 'record'] : [tasks, 'task'];
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}

/**
 * The facts in a snapshot's file name. Nothing else is stored about a snapshot, so nothing can contradict it:
 * `20261124T050312Z-3f2a9c01d2e4-r150.db`, `…-r1-t60-b12583.db`, or `….poor.db`.
 */
export interface SnapshotName extends Contents {
  /** The time when it was taken, to the second. */
  readonly time: Date;
  /** The first {@link HASH_DIGITS} hexadecimal digits of the SHA-256 of its bytes. */
  readonly hash: string;
  /** True if it was worse than the one before it. A poor snapshot never pushes out a good one. */
  readonly poor: boolean;
}

/** A snapshot in a folder. */
export interface Snapshot extends SnapshotName {
  /** Time and hash, such as `20261124T050312Z-3f2a9c01d2e4`. */
  readonly id: string;
  /** Size. */
  readonly bytes: number;
  readonly path: string;
}

/** 48 bits: too many for two snapshots of a folder to share them by chance, or for a damaged one to keep them. */
const HASH_DIGITS = 12;

const PATTERN =
  /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-([0-9a-f]{12})-r(0|[1-9]\d{0,15})(?:-t(0|[1-9]\d{0,15}))?(?:-b(0|[1-9]\d{0,15}))?(\.poor)?\.db$/;

/** The part of a SHA-256 that names carry. */
export function shortHash(sha256: string): string {
  return sha256.slice(0, HASH_DIGITS);
}

/**
 * The file name of a snapshot.
 *
 * @param name its time in the years 0 to 9999
 */
export function encodeName(name: SnapshotName): string {
  const { records, tasks, contentBytes, poor } = name;
  const amounts = `-r${records}${tasks === undefined ? '' : `-t${tasks}`}`;
  const bytes = contentBytes === undefined ? '' : `-b${contentBytes}`;
  return `${snapshotId(name)}${amounts}${bytes}${poor ? '.poor' : ''}.db`;
}

/** Time and hash, by which users name a snapshot. */
export function snapshotId({ time, hash }: Pick<SnapshotName, 'time' | 'hash'>): string {
  return `${time.toISOString().slice(0, 19).replace(/[-:]/g, '')}Z-${hash}`;
}

/** Parses a file name; undefined if {@link encodeName} never returns it. */
export function decodeName(text: string): SnapshotName | undefined {
  const match = PATTERN.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, hash, records, tasks, bytes, poor] = match;
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(time.getTime())) return undefined;
  const name = {
    time,
    hash,
    records: Number(records),
    ...(tasks !== undefined && { tasks: Number(tasks) }),
    ...(bytes !== undefined && { contentBytes: Number(bytes) }),
    poor: poor !== undefined,
  };
  // Date turns 30 February into another day, and Number rounds a count above 2^53.
  return encodeName(name) === text ? name : undefined;
}

/** Sorts the newest first; snapshots of the same second by their hashes. */
export function byAge(a: SnapshotName, b: SnapshotName): number {
  return b.time.getTime() - a.time.getTime() || (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : 0);
}

/** A state with less than this share of the one before is kept apart. */
const SHRUNK = 0.1;
/** Milliseconds for which such a state is kept apart: a program may have been cleared on purpose. */
const APART = 24 * 60 * 60 * 1000;

/**
 * Says why a file is worse than the newest good snapshot, so that its copy must not push the good ones out; undefined if it
 * is not. A program that truncates its file before it saves, as Flower does, leaves a sound and empty database, or one with
 * next to nothing in it after its next start.
 *
 * @param previous the newest good snapshot, if there is one
 * @param now the state, and the time when it was seen
 */
export function isWorse(
  previous: (Contents & { readonly time: Date }) | undefined,
  now: Contents & { readonly time: Date },
): string | undefined {
  if (previous === undefined || previous.records === 0) return undefined;
  const has = `the newest good snapshot has ${contentsText(previous)}`;
  if (now.records === 0) return `it holds no record any more; ${has}`;
  if (now.time.getTime() - previous.time.getTime() > APART) return undefined;
  const isCounted = previous.tasks !== undefined && now.tasks !== undefined;
  const [before, after] = isCounted
    ? [previous.tasks, now.tasks]
    : [previous.contentBytes ?? 0, now.contentBytes ?? Infinity];
  if (after >= before * SHRUNK) return undefined;
  return `it holds ${contentsText(now)}, less than a tenth of what was there; ${has}`;
}

/** Says that the same bytes were kept apart within the last day; undefined if they were not. */
export function wasWorse(snapshots: readonly Snapshot[], hash: string, time: Date): string | undefined {
  const earlier = snapshots.find(
    (one) => one.poor && one.hash === hash && time.getTime() - one.time.getTime() <= APART,
  );
  return earlier && `it is what was kept apart as ${earlier.id}`;
}

/**
 * Selects the snapshots that a user means, the best first; the others serve if the first one is damaged.
 *
 * @param snapshots the newest first
 * @param at the beginning of a time or hash, which must be that of one content only; without it, all good ones are meant
 * @param folder their folder, for messages
 * @throws RefusedError `no-snapshot` if none matches, `ambiguous` if several contents do
 */
export function selectSnapshots(
  snapshots: readonly Snapshot[],
  at: string | undefined,
  folder: string,
): readonly Snapshot[] {
  if (snapshots.length === 0) {
    throw new RefusedError(
      'no-snapshot',
      `${folder}: expected snapshots, found none. Name their folder with --snapshots DIR if they are elsewhere; ` +
        'a repair may still mend the database itself.',
    );
  }
  if (at === undefined) {
    const good = snapshots.filter(({ poor }) => !poor);
    if (good.length > 0) return good;
    throw new RefusedError(
      'no-snapshot',
      `${folder}: expected a good snapshot, found only ones that are kept apart as worse than what was before ` +
        `them. If one is wanted all the same, name it: --at ${snapshots[0].id}`,
    );
  }
  const wanted = at.toLowerCase();
  const matching = snapshots.filter(
    ({ id, hash }) => wanted !== '' && (id.toLowerCase().startsWith(wanted) || hash.startsWith(wanted)),
  );
  if (matching.length === 0) {
    throw new RefusedError(
      'no-snapshot',
      `${folder}: expected a snapshot whose time or hash begins with "${at}", found ${someOf(snapshots)}. ` +
        'Name one of them, or leave --at out for the newest good one.',
    );
  }
  if (matching.some(({ hash }) => hash !== matching[0].hash)) {
    throw new RefusedError(
      'ambiguous',
      `${folder}: expected one snapshot whose time or hash begins with "${at}", found ${someOf(matching)}. ` +
        'Say more of it.',
    );
  }
  // All have the same bytes, so the choice only matters for the mark `poor`.
  return [...matching].sort((a, b) => Number(a.poor) - Number(b.poor));
}

/** Number of snapshots that a message lists. */
const LISTED = 5;

function someOf(snapshots: readonly Snapshot[]): string {
  const more = snapshots.length - LISTED;
  const ids = snapshots.slice(0, LISTED).map(({ id }) => id);
  return ids.join(', ') + (more > 0 ? ` and ${more} more` : '');
}
