import type { DoubtfulRecords } from '../check/doubtful.js';
import type { Database } from '../database/database.js';
import type { BucketSite } from '../database/site.js';
import { isPlaced } from '../database/survey.js';
import type { Searched } from '../examine.js';
import type { Report } from '../source/sweep.js';
import { openProved, openSearched } from '../examine.js';
import type { Source } from '../source/source.js';
import type { WalkedBatch, WalkLoss } from './batch.js';
import { walkDamaged } from './damagedwalk.js';
import type { BatchLimits } from './batchreader.js';
import { PART_BATCH, WHOLE_BATCH } from './batchreader.js';
import type { Claimable } from './soundwalk.js';
import { placesOf, SoundWalk } from './soundwalk.js';

/** A database to be walked. */
export interface Walkable {
  readonly db: Database;
  /** What was found of it, with every element examined; undefined of one that is proved to be in order. */
  readonly found: Searched | undefined;
}

/**
 * Opens a database for a walk: all of it is proved, or else examined, before the first record is given. In a file whose
 * blocks changed places a value may be of another record, though its key and its bucket are as they should be.
 *
 * @returns undefined if nothing in the file speaks for the format
 * @throws SourceError if the source cannot be read
 */
export async function openForWalk(source: Source, report?: Report): Promise<Walkable | undefined> {
  const proved = await openProved(source, report);
  if (proved !== undefined) return { db: proved.db, found: undefined };
  const found = await openSearched(source, report);
  return found && { db: found.db, found };
}

/**
 * Bytes that records may claim, for each of the file. Some may lie on each other in a damaged one, and the others be no less
 * true; in one that somebody made so they could fill a disk.
 */
const CLAIMABLE = 4;

/** So many buckets that are not sound are examined one by one; where there are more, all that is left is. */
const FEW = 16;

/**
 * Every record in the order in which libgdbm walks: buckets by their slots, elements as they stand in them.
 *
 * Where something is not as it should be, sound buckets are taken as they are, with each key held against its hash, and the
 * others as the examination judges them.
 *
 * @param loss is told of what cannot be given
 * @param without records that are left out, as their value may not be what was stored; of a damaged database
 */
export async function* walkRecords(
  { db, found }: Walkable,
  loss: WalkLoss = { records: 0, incomplete: false },
  limits: BatchLimits = WHOLE_BATCH,
  without?: DoubtfulRecords,
): AsyncGenerator<WalkedBatch> {
  const claimable: Claimable = { bytes: CLAIMABLE * db.source.size };
  if (found === undefined) {
    const places = placesOf(db);
    const walk = new SoundWalk(db, claimable, { limits, proved: true });
    yield* walk.through(places);
    // Somebody wrote to it meanwhile.
    if (walk.done < places.length) loss.incomplete = true;
    return;
  }

  loss.incomplete = found.survey.claims.open().next().done !== true;
  const options = { limits: limits === WHOLE_BATCH ? PART_BATCH : limits, proved: false, without };

  // 1. Sound buckets, and in their order some that are not.
  let { sites } = found.survey;
  for (let apart = 0; apart < FEW; apart++) {
    const end = sites.findIndex((site) => !isPlaced(site));
    const sound = new SoundWalk(db, claimable, options);
    yield* sound.through(end < 0 ? sites : sites.slice(0, end));
    loss.records += sound.leftOut;
    sites = sites.slice(sound.done);
    if (sites.length === 0) return;
    yield* walkDamaged(db, found.survey, sites.slice(0, 1), claimable, loss, without);
    sites = sites.slice(1);
  }

  // 2. Of many that are not the sound ones between them are given first.
  let placed = sites.filter(isPlaced);
  const given = new Set<BucketSite>();
  for (let stops = 0; placed.length > 0 && stops < FEW; stops++) {
    const sound = new SoundWalk(db, claimable, options);
    yield* sound.through(placed);
    loss.records += sound.leftOut;
    for (const site of placed.slice(0, sound.done)) given.add(site);
    placed = placed.slice(sound.done + 1);
  }
  const others = sites.filter((site) => !given.has(site));
  yield* walkDamaged(db, found.survey, others, claimable, loss, without);
}
