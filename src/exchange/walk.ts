import { examine } from '../check/examination.js';
import { directoryRuns } from '../check/sound/directoryruns.js';
import type { Database } from '../database/database.js';
import { openDatabase } from '../database/database.js';
import type { BucketSite } from '../database/survey.js';
import { isPlaced } from '../database/survey.js';
import { checkProved } from '../check/proved.js';
import type { Report, Searched } from '../examine.js';
import { openSearched, search } from '../examine.js';
import type { Source } from '../source/source.js';
import type { WalkedBatch, WalkLoss } from './batch.js';
import { walkDamaged } from './damagedwalk.js';
import type { BatchLimits } from './batchreader.js';
import { PART_BATCH, WHOLE_BATCH } from './batchreader.js';
import type { Claimable } from './soundwalk.js';
import { placesOf, SoundWalk } from './soundwalk.js';

/** A database to be walked, and what finds all of its buckets, which is asked only where the directory does not. */
export class Walkable {
  #found: Promise<Searched> | undefined;
  readonly #search: () => Promise<Searched>;
  readonly #report: Report | undefined;

  constructor(
    readonly db: Database,
    search: () => Promise<Searched>,
    report?: Report,
  ) {
    this.#search = search;
    this.#report = report;
  }

  /** Whether all buckets and records are in order. */
  async isProved(): Promise<boolean> {
    const isProved = (await checkProved(this.db)) !== undefined;
    this.#reading();
    return isProved;
  }

  /** All buckets that a search finds; after {@link examined} what that gave. */
  searched(): Promise<Searched> {
    this.#found ??= this.#search();
    return this.#found;
  }

  /** The same with every element examined, and with its blocks in their places, where some changed them. */
  examined(): Promise<Searched> {
    this.#found = this.#examined();
    return this.#found;
  }

  async #examined(): Promise<Searched> {
    const found = await this.searched();
    if (found.survey.examination !== undefined) return found;
    const { db, survey } = found;
    const again =
      db.missing === 0 && !db.headerLost ? await openSearched(db.source, this.#report) : undefined;
    const isMoved = again?.db.rearrangement !== undefined && db.rearrangement === undefined;
    if (again !== undefined && (isMoved || again.survey.sites.length === survey.sites.length)) {
      this.#reading();
      return again;
    }
    this.#report?.('examining elements', 0, db.source.size);
    const examination = await examine(db, survey);
    this.#reading();
    return { db, survey: { ...survey, examination } };
  }

  #reading(): void {
    this.#report?.('reading records', 0, this.db.source.size);
  }
}

/**
 * Opens a database for a walk, which looks for more where it finds anything wrong: a sound one is read once.
 *
 * @returns undefined if nothing in the file speaks for the format
 * @throws SourceError if the source cannot be read
 */
export async function openForWalk(source: Source, report?: Report): Promise<Walkable | undefined> {
  const db = await openDatabase(source);
  const searched = async () => {
    const progress = (done: number, all: number) => report?.('looking for buckets', done, all);
    const found = db === undefined ? undefined : await search(db, progress);
    const sound = found?.survey.sites.some(({ state }) => state === 'sound') === true;
    return sound ? found : ((await openSearched(source, report)) ?? found);
  };
  // Of a directory each of whose entries can be right its buckets tell themselves whether they are.
  if (db !== undefined && directoryRuns(db) !== undefined)
    return new Walkable(db, async () => (await searched())!, report);
  const found = await searched();
  return found && new Walkable(found.db, async () => found, report);
}

/** To walk what was searched already. */
export function walkable(searched: Searched): Walkable {
  return new Walkable(searched.db, async () => searched);
}

/**
 * Bytes that records may claim, for each of the file. Some may lie on each other in a damaged one, and the others be no less
 * true; in one that somebody made so they could fill a disk.
 */
const CLAIMABLE = 4;

/** Batches that are made anew to give the buckets before one that is not sound. */
const ATTEMPTS = 4;

/** So many buckets that are not sound are examined one by one; where there are more, all that is left is. */
const FEW = 16;

/**
 * Every record in the order in which libgdbm walks: buckets by their slots, elements as they stand in them.
 *
 * Sound buckets are taken as they are, with each key held against its hash; where something is not as it should be, the
 * examination that a check makes takes over, and judges what is there.
 *
 * @param loss is told of what cannot be given
 */
export async function* walkRecords(
  database: Walkable,
  loss: WalkLoss = { records: 0, incomplete: false },
  limits: BatchLimits = WHOLE_BATCH,
): AsyncGenerator<WalkedBatch> {
  const { db } = database;
  const claimable: Claimable = { bytes: CLAIMABLE * db.source.size };

  // 1. Buckets in the order of a directory each of whose entries can be right.
  const directory = new SoundWalk(db, claimable, limits);
  yield* directory.through(placesOf(db));
  if (directory.isComplete) return;

  // 2. Those that a search finds sound, and in their order some that are not. Of a damaged database it looks first for
  // blocks that changed places: a value may be in one, whose bucket and key are as they should be.
  const found = await database.examined();
  loss.incomplete = found.survey.claims.open().next().done !== true;
  const part = limits === WHOLE_BATCH ? PART_BATCH : limits;
  let sites = notBefore(directory, found);
  for (let apart = 0; apart < FEW; apart++) {
    const end = sites.findIndex((site) => !isPlaced(site));
    const sound = new SoundWalk(found.db, claimable, part, ATTEMPTS);
    yield* sound.through(end < 0 ? sites : sites.slice(0, end));
    sites = sites.slice(sound.done);
    if (sites.length === 0) return;
    yield* walkDamaged(found.db, found.survey, sites.slice(0, 1), claimable, loss);
    sites = sites.slice(1);
  }

  // 3. Of many that are not the sound ones between them are given first.
  let placed = sites.filter(isPlaced);
  const given = new Set<BucketSite>();
  for (let stops = 0; placed.length > 0 && stops < FEW; stops++) {
    const sound = new SoundWalk(found.db, claimable, part, ATTEMPTS);
    yield* sound.through(placed);
    for (const site of placed.slice(0, sound.done)) given.add(site);
    placed = placed.slice(sound.done + 1);
  }
  const others = sites.filter((site) => !given.has(site));
  yield* walkDamaged(found.db, found.survey, others, claimable, loss);
}

/** The sites whose slots were not walked yet, and those that are in no directory. */
function notBefore({ db, slot }: { db: Database; slot: number }, found: Searched): BucketSite[] {
  // Another directory may have another number of slots.
  const first = slot === 0 ? 0 : slot * (found.db.directory.length / db.directory.length);
  return found.survey.sites.filter(({ origin, firstSlot }) => origin === 'scan' || firstSlot >= first);
}
