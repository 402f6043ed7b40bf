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
