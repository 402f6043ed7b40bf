/** A held lock of /proc/locks or of a `lock:` line of /proc/PID/fdinfo/N; see proc_locks(5). */
export interface FileLock {
  readonly kind: 'flock' | 'posix' | 'ofd' | 'lease' | 'other';
  readonly mode: 'exclusive' | 'shared';
  /** Who took it; undefined for an OFD lock, which belongs to nobody in particular. */
  readonly pid: number | undefined;
  /** `major:minor` of the file's device, decimal as in mountinfo. */
  readonly device: string;
  readonly inode: bigint;
}

const KINDS: Readonly<Record<string, FileLock['kind']>> = {
  FLOCK: 'flock',
  POSIX: 'posix',
  OFDLCK: 'ofd',
  LEASE: 'lease',
};

/**
 * Parses the text of /proc/locks, or of a fdinfo file, of which it takes the `lock:` lines. A process that only
 * waits for a lock (`->`) holds nothing and is left out, as is any other line.
 */
export function parseLocks(text: string): FileLock[] {
  const line =
    /^(?:lock:\s+)?\d+: (\w+)\s+\S+\s+(READ|WRITE|RW)\s+(-?\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) \d+ (?:\d+|EOF)$/gm;
  return [...text.matchAll(line)].map(([, kind, mode, pid, major, minor, inode]) => ({
    kind: KINDS[kind] ?? 'other',
    mode: mode === 'READ' ? 'shared' : 'exclusive',
    pid: Number(pid) > 0 ? Number(pid) : undefined,
    device: `${parseInt(major, 16)}:${parseInt(minor, 16)}`,
    inode: BigInt(inode),
  }));
}

/** `major:minor` of a device number as stat(2) gives it on Linux. */
export function deviceName(dev: bigint): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}
