/**
 * What one look at a database saw. `clean`: it is sound, and its program can load it. `damaged`: it is not. `changing`:
 * somebody wrote to it meanwhile. `missing`: there is no such file. `foreign`: it is sound, but of another kind, such as
 * SQLite. `other-machine`: it is sound, but libgdbm here cannot use it. `unreadable`: the file could not be read. `unknown`: the look itself failed, which says nothing of the file.
 */
export interface Look {
  readonly path: string;
  readonly verdict:
    'clean' | 'damaged' | 'changing' | 'missing' | 'foreign' | 'other-machine' | 'unreadable' | 'unknown';
  /** What was found, in a few words. */
  readonly what: string;
  readonly records: number;
  /** Bytes of the file. */
  readonly size: number;
  /** The profile, and whether its program gets what it needs from the file. */
  readonly profile: string;
  readonly usable: boolean;
  /**
   * Whether its program loads what is there although it is damaged: the structure is sound, and a repair would leave every
   * value as it is. To mend it costs more than it brings.
   */
  readonly loads: boolean;
  /** What the file was: its device, inode, size and time; `missing` where there is none, empty where that is not known. */
  readonly state: string;
  /** Names the damage: the file's size, time and inode and its findings. */
  readonly digest: string;
  /** Whether somebody holds a lock; null where that cannot be seen, and another look is needed. */
  readonly held: boolean | null;
  /** The snapshot that holds these contents, and whether it was just taken. */
  readonly snapshot: { readonly id: string; readonly taken: boolean; readonly poor: string | null } | null;
  /** Why none was taken, where one was wanted. */
  readonly snapshotTrouble: string | null;
}

/** A look that saw no database to tell more of. */
export function bareLook(path: string, verdict: Look['verdict'], what: string): Look {
  return {
    path,
    verdict,
    what,
    records: 0,
    size: 0,
    profile: 'none',
    usable: false,
    loads: false,
    state: '',
    digest: '',
    held: null,
    snapshot: null,
    snapshotTrouble: null,
  };
}

/** Reads the line that `look` prints; undefined where it is none. */
export function parseLook(text: string): Look | undefined {
  try {
    const look = JSON.parse(text) as Look;
    return typeof look === 'object' && look !== null && typeof look.verdict === 'string' ? look : undefined;
  } catch {
    return undefined;
  }
}
