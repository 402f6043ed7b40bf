import type { Tally } from './tally.js';

/** Least result of a row. Numbers are at most so many of 10,000 records that are still there; none where one is not set. */
export interface Floor {
  /** Percent of the records still there that come back right. */
  readonly recall: number;
  /** Records that come back with another value though theirs is there. */
  readonly wrong?: number;
  /** Keys that were not in force, though the file tells so. */
  readonly invented?: number;
  /** Records that were hit and come back with bytes that were never stored. Any number where damage changes bytes. */
  readonly changed?: number;
  /** Records that libgdbm finds in the damaged file and the repaired one lacks. */
  readonly worse?: number;
}

/** All comes back, and nothing else. */
export const ALL: Floor = { recall: 100 };

/**
 * The rows that do not reach all. Measured by `npm run torture -- --rows .` on the seeds 11 to 13; where a number
 * rises, its floor is raised with it.
 */
export const FLOORS: Readonly<Record<string, Floor>> = {
  'header field wrong: dir': { recall: 99.7 },
  'several header fields wrong': { recall: 99.8 },
  'blocks swapped': { recall: 99.2, worse: 2 },
  "two files' blocks mixed": { recall: 100, invented: 4 },
  'two to four of these together': { recall: 94, wrong: 20, invented: 20 },
  'a sector missing': { recall: 99.8, worse: 1 },
  'some sectors missing': { recall: 98, changed: 3 },
  'some bytes missing': { recall: 99.8, worse: 2 },
  'a sector twice': { recall: 99.8 },
  'a page of zeroes put in': { recall: 99.8 },
  'a sector of a bucket missing': { recall: 100, changed: 3 },
  'bytes of a bucket twice': { recall: 97 },
  'some bytes put in': { recall: 99.7 },
  'the sector behind the header missing': { recall: 99.9, changed: 5 },
  'a sector of a bucket twice': { recall: 99.9 },
  '2 sectors dropped': { recall: 99.5, changed: 3 },
  '5 sectors dropped': { recall: 99.3, changed: 5 },
  '20 sectors dropped': { recall: 96, changed: 20, invented: 20 },
  '10 single bytes dropped': { recall: 98, changed: 5 },
  '5 insertions of 1 to 40 bytes': { recall: 98.5, changed: 5 },
  'two extents of 2 to 64 KiB swapped': { recall: 99.5, changed: 5 },
  'stripes of 16 KiB swapped': { recall: 97, changed: 5 },
  'stripes of 64 KiB swapped': { recall: 99.5, changed: 5 },
  'stripes of 16 KiB of three disks in wrong order': { recall: 99, changed: 5 },
  'stripes of 64 KiB of three disks in wrong order': { recall: 99, changed: 5 },
  'halves exchanged': { recall: 99.5, changed: 5 },
  'rotated by a third': { recall: 99.5, changed: 5 },
  'last sync half written, pages of 4096 B': { recall: 98, wrong: 60, invented: 50 },
  '50 % of the pages of 4096 B old': { recall: 94, wrong: 120, invented: 70 },
  'pages of 4096 B of any version': { recall: 96, wrong: 60, invented: 40 },
  'last sync half written, pages of 512 B': { recall: 99, wrong: 20, invented: 20, worse: 4 },
  '10 % of the pages of 512 B old': { recall: 99.5, wrong: 10, invented: 10 },
  '50 % of the pages of 512 B old': { recall: 94, wrong: 60, invented: 60 },
  'pages of 512 B of any version': { recall: 93, wrong: 80, invented: 80 },
  'header and directory old': { recall: 99.5, wrong: 15, invented: 10 },
  'half of the buckets old': { recall: 99.8, wrong: 3 },
  'the last buckets not written': { recall: 99.7 },
  'blocks of the beginning missing, with another database as a value': {
    recall: 90,
    wrong: 20,
    invented: 20,
  },
  '10 % of the pages of 4096 B old': { recall: 99.5, wrong: 10, invented: 10 },
  'directory old': { recall: 99.8, wrong: 4, invented: 6 },
  'every CR LF became LF': { recall: 0, changed: 40, wrong: 20, invented: 20 },
  'any two of all these together': { recall: 70, wrong: 60, invented: 60 },
  'any three of all these together': { recall: 60, wrong: 20, invented: 20 },
  'any two of all these together, in a file that grew': { recall: 75, wrong: 100, invented: 100 },
  'any three of all these together, in a file that grew': { recall: 60, wrong: 60, invented: 70, worse: 4 },
};

/** Percent that a few trials may lack more than many, at least, where not all comes back. */
const SAMPLE_SLACK = 2;
/** A row with a lower floor differs so much from trial to trial that a few say nothing of its recall. */
const SAMPLE_LEAST = 95;

/**
 * Ways in which a row is below its floor, in words.
 *
 * @param isSample a few trials: a lower recall is allowed where not all comes back, and any number where some are
 */
export function shortfalls(tally: Tally, floor: Floor, changesBytes: boolean, isSample = false): string[] {
  const { there, recalled, trials } = tally;
  const slack = isSample && floor.recall < 100 ? Math.max(SAMPLE_SLACK, 100 - floor.recall) : 0;
  const isJudged = !isSample || floor.recall >= SAMPLE_LEAST;
  const short = isJudged && recalled * 100 < (floor.recall - slack) * there;
  const found = short
    ? [`${tally.recall} of ${there} records came back, the floor is ${floor.recall - slack} %`]
    : [];
  const counts = {
    wrong: tally.wrong,
    invented: tally.invented - tally.excused,
    changed: changesBytes ? 0 : tally.changed,
    worse: tally.worse,
  };
  for (const [name, count] of Object.entries(counts)) {
    const most = floor[name as keyof typeof counts] ?? 0;
    if (isSample && most > 0) continue;
    if (count * 10_000 > most * there) found.push(`${count} ${name}, the floor is ${most} of 10,000`);
  }
  if (tally.unsound > 0) found.push(`${tally.unsound} of ${trials} results are not sound`);
  return found;
}
