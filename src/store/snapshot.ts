import { RefusedError } from './errors.js';

/**
 * What a snapshot's name says. All that is known of a snapshot stands in its name, so that nothing can go out of
 * step with it: `20261124T050312Z-3f2a9c01d2e4-r150.db`, or `….poor.db` where it is kept apart.
 */
export interface SnapshotName {
  /** When it was taken, to the second. */
  readonly time: Date;
  /** The first {@link HASH_DIGITS} hexadecimal digits of the SHA-256 of its bytes. */
  readonly hash: string;
  /** Records in it. */
  readonly records: number;
  /** Whether it was worse than the one before it, and is kept apart from the good ones. */
  readonly poor: boolean;
}

/** 48 bits: no two snapshots of a folder share them by chance, and no rotten one keeps them. */
export const HASH_DIGITS = 12;

const PATTERN = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-([0-9a-f]{12})-r(0|[1-9]\d{0,15})(\.poor)?\.db$/;

/**
 * The name of a snapshot's file.
 *
 * @param name its time in the years 0 to 9999
 */
export function encodeName(name: SnapshotName): string {
  return `${snapshotId(name)}-r${name.records}${name.poor ? '.poor' : ''}.db`;
}

/** What a person calls a snapshot by: its time and hash. */
export function snapshotId({ time, hash }: Pick<SnapshotName, 'time' | 'hash'>): string {
  return `${time.toISOString().slice(0, 19).replace(/[-:]/g, '')}Z-${hash}`;
}

/** Reads the name of a file; undefined where it is not one that {@link encodeName} gives. */
export function decodeName(text: string): SnapshotName | undefined {
  const match = PATTERN.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, hash, records, poor] = match;
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(time.getTime())) return undefined;
  const name = { time, hash, records: Number(records), poor: poor !== undefined };
  // A day such as 30 February is read as another one, and a count past 2^53 as its neighbour.
  return encodeName(name) === text ? name : undefined;
}

/** A snapshot that is in a folder. */
export interface Snapshot extends SnapshotName {
  /** Time and hash, such as `20261124T050312Z-3f2a9c01d2e4`. */
  readonly id: string;
  /** Its size. */
  readonly bytes: number;
  readonly path: string;
}

/** The newest first; of the same second, in an order that is always the same. */
export function byAge(a: SnapshotName, b: SnapshotName): number {
  return b.time.getTime() - a.time.getTime() || (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : 0);
}

/** The part of a whole hash that names carry. */
export function shortHash(sha256: string): string {
  return sha256.slice(0, HASH_DIGITS);
}

/** Snapshots of each kind that are kept where nobody says how many. */
export const KEEP = 5;

/**
 * Which snapshots are too many: all but the newest `keep` good ones and the newest `keep` poor ones. Each kind is
 * counted for itself, so that no poor one pushes a good one out, and the newest good one always stays.
 */
export function tooMany<T extends SnapshotName>(snapshots: readonly T[], keep: number): T[] {
  const kept = Math.max(1, keep);
  return [false, true].flatMap((poor) =>
    snapshots
      .filter((one) => one.poor === poor)
      .sort(byAge)
      .slice(kept),
  );
}

/**
 * Why a file is worse than the newest good snapshot, so that it must not push the good ones out; undefined where it
 * is not. A program that truncates its file before it saves, as Flower does, leaves a sound and empty database.
 *
 * @param previous the newest good snapshot, if there is one
 */
export function isWorse(
  previous: { readonly records: number } | undefined,
  now: { readonly records: number },
): string | undefined {
  if (now.records > 0 || previous === undefined || previous.records === 0) return undefined;
  return `it holds no record any more; the newest good snapshot has ${previous.records}`;
}

/** Snapshots named in a message. */
const NAMED = 5;

/**
 * Finds the snapshots that are meant, the best first: the ones after it are for where it is damaged.
 *
 * @param snapshots the newest first
 * @param at the beginning of its time or hash, as long as it is that of one content only; without it, the good ones
 *   are meant
 * @param folder where they are, for messages
 * @throws RefusedError `no-snapshot` where none fits, `ambiguous` where several do
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
        'the database itself may still be mended: gdbm-doctor repair',
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
  const fitting = snapshots.filter(
    ({ id, hash }) => wanted !== '' && (id.toLowerCase().startsWith(wanted) || hash.startsWith(wanted)),
  );
  if (fitting.length === 0) {
    throw new RefusedError(
      'no-snapshot',
      `${folder}: expected a snapshot whose time or hash begins with "${at}", found ${some(snapshots)}. ` +
        'Name one of them, or leave --at out for the newest good one.',
    );
  }
  if (fitting.some(({ hash }) => hash !== fitting[0].hash)) {
    throw new RefusedError(
      'ambiguous',
      `${folder}: expected one snapshot whose time or hash begins with "${at}", found ${some(fitting)}. ` +
        'Say more of it.',
    );
  }
  // The same bytes at several times: which of them makes no difference.
  return [...fitting].sort((a, b) => Number(a.poor) - Number(b.poor));
}

function some(snapshots: readonly Snapshot[]): string {
  const named = snapshots.slice(0, NAMED).map(({ id }) => id);
  const more = snapshots.length - named.length;
  return named.join(', ') + (more > 0 ? ` and ${more} more` : '');
}
