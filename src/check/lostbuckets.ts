import type { Database } from '../database/database.js';
import { isHeld, readDirectory } from '../database/readdirectory.js';
import type { Survey } from '../database/survey.js';
import { endOfRun, slotOf } from '../format/directory.js';
import { firstAfter } from '../source/ranges.js';
import { eachKept } from './accounting.js';
import type { Finding } from './finding.js';
import { finding } from './finding.js';
import type { ElementMarks } from './marks.js';

/**
 * Tells whether the directory is whole and nothing is left of any bucket that it names. Records that were found then come from
 * older buckets, which splits left behind: their values may be outdated, deleted ones may be among them, and nothing tells what
 * the lost buckets had.
 *
 * 1. The header is believed, and each entry of the directory that it names is a bucket's place below `next_block`.
 * 2. Records were found, and none of them by an element in one of these places.
 * 3. The directory leads to several places for the hashes of each bucket that they were found in, so that the bucket was split.
 *    One whose hashes the directory leads to a single place may be newer than the directory.
 */
export async function hasLostAllBuckets(db: Database, survey: Survey, marks: ElementMarks): Promise<boolean> {
  const { source, format, header, geometry, headerLost, missing, fault, rearrangement } = db;
  if (headerLost || missing !== 0 || fault !== undefined || rearrangement !== undefined) return false;
  const withRecords = survey.sites.filter((_, s) => marks.kept[s] > 0);
  if (withRecords.length === 0 || withRecords.some(({ origin }) => origin === 'directory')) return false;
  const { dir, dir_bits: bits, next_block: nextBlock } = header;
  if (!(bits >= 0 && bits < 31 && (await isHeld(source, format, { offset: dir, bits })))) return false;
  const entries = await readDirectory(source, format, { offset: dir, bits });
  const last = nextBlock - geometry.bucketSize;
  if (!entries.every((entry) => entry >= geometry.blockSize && entry <= last)) return false;
  const places = entries.slice().sort();
  const isNamed = (offset: number) => {
    const before = firstAfter(places, offset) - 1;
    return before >= 0 && offset < places[before] + geometry.bucketSize;
  };
  if (withRecords.some(({ offset, elements }) => (elements ?? [offset]).some(isNamed))) return false;
  let areSplit = true;
  await eachKept(db, survey, marks, (words, i, s) => {
    const { state, bits: own } = survey.sites[s];
    if (state !== 'sound' || !areSplit) return;
    const first = own > bits ? slotOf(words.hash(i), bits) : slotOf(words.hash(i), own) * 2 ** (bits - own);
    const end = own > bits ? first + 1 : first + 2 ** (bits - own);
    areSplit = endOfRun(entries, first) < end;
  });
  return areSplit;
}

/** The finding that such a file has instead of those about its directory. */
export function bucketsLost({ header: { dir, dir_bits: bits } }: Database): Finding {
  const found = `a whole directory of ${2 ** bits} entries, and nothing left of the buckets that it names`;
  return finding('buckets-lost', dir, found, 'a bucket at each place that the directory names');
}
