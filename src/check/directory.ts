import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import type { Survey } from '../database/survey.js';
import { owns, rulerOf } from '../database/survey.js';
import { endOfRun, hashOfSlot } from '../format/directory.js';
import { offsetSize } from '../format/format.js';
import type { Finding, FindingCode } from './finding.js';
import { finding } from './finding.js';
import { explainedByNextBlock } from './header.js';

/** Checks the directory's place, and each entry against the bucket that it leads to. */
export function* checkDirectory(db: Database, survey: Survey): Generator<Finding> {
  const { source, format, geometry, directory, header } = db;
  const width = offsetSize(format.layout);
  if (geometry.directory === undefined) {
    yield finding(
      'directory-lost',
      header.dir > 0 && header.dir < source.size ? header.dir : null,
      'no run of offsets that lead to buckets',
      'a directory of 2^dir_bits bucket offsets',
    );
    return;
  }
  const { offset } = geometry.directory;
  if (!survey.sites.some(({ origin }) => origin === 'directory')) {
    const found = `${directory.length} entries, none of which can be a bucket's offset`;
    yield finding('directory-lost', offset, found, 'a directory of 2^dir_bits bucket offsets');
    return;
  }
  yield* checkDirectoryPlace(db);
  const isInvalid = (slot: number) => faultOfSlot(survey, slot) === 'directory-entry-invalid';
  // Neighbouring slots with the same fault are one finding.
  for (let slot = 0, end: number; slot < directory.length; slot = end) {
    end = endOfRun(directory, slot);
    const at = offset + slot * width;
    if (isInvalid(slot)) {
      const bucketEnd = (entry: number) => entry + geometry.bucketSize;
      const causeOf = (entry: number) =>
        entry >= geometry.blockSize ? explainedByNextBlock(db, bucketEnd(entry)) : undefined;
      const cause = causeOf(directory[slot]);
      let runs = 1;
      for (; end < directory.length && isInvalid(end) && causeOf(directory[end]) === cause; runs++) {
        end = endOfRun(directory, end);
      }
      yield finding(
        'directory-entry-invalid',
        at,
        `${slotsText(slot, end)}: ${directory[slot]}${runs === 1 ? '' : ' and other offsets'}`,
        `a bucket's offset, ${geometry.blockSize} to ${source.size - geometry.bucketSize}`,
        cause,
      );
      continue;
    }
    const site = survey.sites[survey.siteOfSlot[slot]];
    if (site.state === 'outdated') {
      const ruler = rulerOf(survey, hashOfSlot(slot, directory.length));
      const own = ruler === undefined ? undefined : survey.sites[ruler];
      yield finding(
        'directory-entry-wrong',
        at,
        `${slotsText(slot, end)} lead to ${site.offset}`,
        own === undefined
          ? 'other buckets have these hashes'
          : `the bucket at ${own.offset} (bucket_bits ${own.bits}) has the first of these hashes`,
      );
    } else if (site.state === 'sound' && (slot !== site.ownFirst || end !== slot + site.ownSlots)) {
      yield* checkRun(survey, site, slot, end, at);
    }
  }
}

/** Returns the fault of a slot of the directory; undefined if it has none, or if there is no such slot. */
export function faultOfSlot({ sites, siteOfSlot }: Survey, slot: number): FindingCode | undefined {
  if (!(slot >= 0 && slot < siteOfSlot.length)) return undefined;
  const site = sites[siteOfSlot[slot]];
  if (site === undefined) return 'directory-entry-invalid';
  const isWrong = site.state === 'outdated' || (site.state === 'sound' && !owns(site, slot));
  return isWrong ? 'directory-entry-wrong' : undefined;
}

function slotsText(slot: number, end: number): string {
  return end - slot === 1 ? `slot ${slot}` : `slots ${slot} to ${end - 1}`;
}

function* checkRun(
  survey: Survey,
  site: BucketSite,
  slot: number,
  end: number,
  at: number,
): Generator<Finding> {
  const { ownFirst, ownSlots } = site;
  const ownEnd = ownFirst + ownSlots;
  const slots = slotsText(slot, end);
  const own = `slots ${ownFirst} to ${ownEnd - 1}`;
  const place = `the bucket at ${site.offset} (bucket_bits ${site.bits})`;
  if (!owns(site, slot) || !owns(site, end - 1)) {
    yield finding('directory-entry-wrong', at, `${slots} lead to ${place}`, `${place} belongs to ${own}`);
  } else {
    // The slot before or after the run belongs to the bucket, too: the fault of that slot explains the run.
    const cause =
      (slot > ownFirst ? faultOfSlot(survey, slot - 1) : undefined) ??
      (end < ownEnd ? faultOfSlot(survey, end) : undefined);
    yield finding('directory-run', at, `${slots} lead to ${place}`, own, cause);
  }
}

/** Checks that the directory ends before the file does: libgdbm refuses a file that ends with it. */
export function* checkDirectoryPlace({ source, format, geometry, directory }: Database): Generator<Finding> {
  if (geometry.directory === undefined) return;
  const { offset } = geometry.directory;
  const end = offset + directory.length * offsetSize(format.layout);
  if (end < source.size) return;
  yield finding(
    'directory-at-end',
    offset,
    `the directory ends at ${end}`,
    `an end before the file's, ${source.size}`,
  );
}
