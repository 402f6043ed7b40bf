import { networkKind } from '../filesystems.js';
import type { VolumeProblem } from '../problem.js';
import { problem } from '../problem.js';
import { shellPath } from '../shellword.js';
import type { MountFacts, VolumeFacts } from '../volumefacts.js';

/** Size of a fresh file beside the old one, as a share of the old one's size. */
const REPAIR_SHARE = 1.1;
/** Bytes without which not even a small record can be saved: a few blocks and a bucket that splits. */
const SAVE_BYTES = 1 << 16;

/** Judges whether there is room, in bytes and in inodes. */
export function judgeSpace({ space, file, folder, folderPath, mount }: VolumeFacts): VolumeProblem[] {
  if (space === undefined || folder === undefined || isReadOnly()) return [];
  const place = mount?.line?.mountPoint ?? folderPath;
  const found: VolumeProblem[] = [];
  const needed = Math.ceil((file?.kind === 'file' ? file.size : 0) * REPAIR_SHARE);
  if (space.totalBytes > 0 && space.freeBytes < SAVE_BYTES) {
    found.push(
      problem(
        'volume-full',
        `Expected room to save on the volume at ${place}, found ${bytes(space.freeBytes)} of ` +
          `${bytes(space.totalBytes)} free for this user; a repair needs ${bytes(Math.max(needed, SAVE_BYTES))}.`,
        `Free space or enlarge the volume; what takes it: du -xah ${shellPath(place)} | sort -h | tail`,
      ),
    );
  } else if (space.totalBytes > 0 && space.freeBytes < needed) {
    found.push(
      problem(
        'volume-low',
        `Expected room for a repair on the volume at ${place}, ${bytes(needed)}, found ${bytes(space.freeBytes)} free ` +
          `for this user.`,
        `Free space, enlarge the volume, or repair to another one with -o OUT.`,
      ),
    );
  }
  if (space.totalInodes > 0 && space.freeInodes === 0 && !inventsInodes(mount)) {
    found.push(
      problem(
        'inodes-exhausted',
        `Expected an inode for a new file on the volume at ${place}, found none of ` +
          `${space.totalInodes.toLocaleString('en-US')} free, whatever room there is.`,
        `Delete small files; where they are: du -x --inodes ${shellPath(place)} | sort -n | tail`,
      ),
    );
  }
  return found;

  // A medium that is never written, such as squashfs, is always full.
  function isReadOnly(): boolean {
    const options = [...(mount?.line?.options ?? []), ...(mount?.line?.superOptions ?? [])];
    return options.includes('ro') || folder?.write === 'EROFS';
  }
}

/** Such a number of free inodes is no fact. */
function inventsInodes(mount: MountFacts | undefined): boolean {
  return mount?.fsType !== undefined && networkKind(mount.fsType)?.inventsInodes === true;
}

function bytes(n: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = 0;
  let value = n;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
