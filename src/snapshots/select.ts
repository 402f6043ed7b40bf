import { RefusedError } from '../replace/errors.js';
import type { Snapshot } from './snapshot.js';

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
