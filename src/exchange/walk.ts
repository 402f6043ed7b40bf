import { examineBuckets } from '../check/judge.js';
import type { StoredRecord } from '../check/record.js';
import { directoryRuns } from '../check/sound/directoryruns.js';
import type { Database } from '../database/database.js';
import { openDatabase } from '../database/database.js';
import type { BucketSite } from '../database/survey.js';
import type { Searched } from '../examine.js';
import { openSearched, search } from '../examine.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import { readTogether } from '../salvage/read.js';
import type { Source } from '../source/source.js';
import type { BucketPlace, WalkedBatch } from './batch.js';
import { BatchReader } from './batchreader.js';

/** What a walk could not give. */
export interface WalkLoss {
  /** Elements in use whose record could not be proved, or is claimed by more than the file can hold. */
  records: number;
  /** Whether some buckets are gone. */
  incomplete: boolean;
}

/** A database to be walked, and what finds all of its buckets, which is asked only where the directory does not. */
export interface Walkable {
  readonly db: Database;
  readonly searched: () => Promise<Searched>;
}

/**
 * Opens a database for a walk, which looks for more where it finds anything wrong: a sound one is read once.
 *
 * @returns undefined if nothing in the file speaks for the format
 * @throws SourceError if the source cannot be read
 */
export async function openForWalk(source: Source): Promise<Walkable | undefined> {
  const db = await openDatabase(source);
  const searched = async () => {
    const found = db === undefined ? undefined : await search(db);
    const sound = found?.survey.sites.some(({ state }) => state === 'sound') === true;
    return sound ? found : ((await openSearched(source)) ?? found);
  };
  // Of a directory each of whose entries can be right its buckets tell themselves whether they are.
  if (db !== undefined && directoryRuns(db) !== undefined)
    return { db, searched: async () => (await searched())! };
  const found = await searched();
  return found === undefined ? undefined : walkable(found);
}

/** To walk what was searched already. */
export function walkable(searched: Searched): Walkable {
  return { db: searched.db, searched: async () => searched };
}

/**
 * Every record in the order in which libgdbm walks: buckets by their slots, elements as they stand in them.
 *
 * Sound buckets are taken as they are, with each key held against its hash; at the first thing that is not as it
 * should be, the examination that a check makes takes over, and judges all that is left.
 *
 * @param loss is told of what cannot be given
 */
export async function* walkRecords(
  { db, searched }: Walkable,
  loss: WalkLoss = { records: 0, incomplete: false },
): AsyncGenerator<WalkedBatch> {
  // 1. Buckets in the order of a directory each of whose entries can be right.
  const directory = new SoundWalk(db, db.source.size);
  yield* directory.through(placesOf(db));
  if (directory.slot === db.directory.length && directory.slot > 0) return;

  // 2. Those that a search finds sound.
  const found = await searched();
  loss.incomplete = found.survey.claims.open().next().done !== true;
  const sites = notBefore(directory, found);
  const sound = new SoundWalk(found.db, directory.claimable);
  const places = sites.map(placeOf);
  const end = places.indexOf(undefined);
  yield* sound.through((end < 0 ? places : places.slice(0, end)) as BucketPlace[]);
  if (sound.done === sites.length) return;

  // 3. All others. Only now is it worth while to look for blocks that changed places.
  const again =
    found.db.missing === 0 && !found.db.headerLost ? await openSearched(found.db.source) : undefined;
  if (again?.db.rearrangement === undefined || found.db.rearrangement !== undefined) {
    yield* walkDamaged(found.db, found.survey, sites.slice(sound.done), sound.claimable, loss);
    return;
  }
  loss.incomplete = again.survey.claims.open().next().done !== true;
  const { firstSlot } = sites[sound.done];
  // One that a scan found is behind all that the directory leads to.
  const walked = { db: found.db, slot: firstSlot < 0 ? found.db.directory.length : firstSlot };
  yield* walkDamaged(again.db, again.survey, notBefore(walked, again), sound.claimable, loss);
}

/** A walk through buckets that are believed to be sound, as far as they are. */
class SoundWalk {
  /** Bytes that records may still claim: records that lie on each other could fill a disk. */
  claimable: number;
  /** Buckets whose records were given. */
  done = 0;
  /** The first slot that was not. */
  slot = 0;

  constructor(
    readonly db: Database,
    claimable: number,
  ) {
    this.claimable = claimable;
  }

  async *through(places: readonly BucketPlace[]): AsyncGenerator<WalkedBatch> {
    const reader = new BatchReader(this.db);
    while (this.done < places.length) {
      let end = this.done;
      let sound = true;
      for (; sound && end < places.length && !reader.isFull; end++) sound = await reader.take(places[end]);
      const { pending } = reader;
      const batch = sound && pending <= this.claimable ? await reader.read() : undefined;
      if (batch === undefined) return;
      this.claimable -= pending;
      this.done = end;
      this.slot = places[end - 1].firstSlot + this.db.directory.length / 2 ** places[end - 1].bits;
      yield batch;
    }
  }
}

/** The buckets of a directory in the order of their slots; none where an entry cannot be right. */
function placesOf(db: Database): BucketPlace[] {
  const runs = directoryRuns(db);
  if (runs === undefined) return [];
  const { length, offsets, firstSlots, bits } = runs;
  const order = Uint32Array.from({ length }, (_, i) => i).sort((a, b) => firstSlots[a] - firstSlots[b]);
  return Array.from(order, (i) => ({ offset: offsets[i], firstSlot: firstSlots[i], bits: bits[i] }));
}

/** Undefined where a site is not what its place in the directory says. */
function placeOf({ state, origin, offset, firstSlot, slots, ownFirst, ownSlots, bits }: BucketSite) {
  const own = firstSlot === ownFirst && slots === ownSlots;
  return state === 'sound' && origin === 'directory' && own ? { offset, firstSlot, bits } : undefined;
}

/** The sites whose slots were not walked yet, and those that are in no directory. */
function notBefore({ db, slot }: { db: Database; slot: number }, found: Searched): BucketSite[] {
  // Another directory may have another number of slots.
  const first = slot === 0 ? 0 : slot * (found.db.directory.length / db.directory.length);
  return found.survey.sites.filter(({ origin, firstSlot }) => origin === 'scan' || firstSlot >= first);
}

async function* walkDamaged(
  db: Database,
  survey: SearchedSurvey,
  sites: readonly BucketSite[],
  claimable: number,
  loss: WalkLoss,
): AsyncGenerator<WalkedBatch> {
  let left = claimable;
  async function* examined(): AsyncGenerator<readonly StoredRecord[]> {
    for await (const { records, rejected } of examineBuckets(db, survey, sites)) {
      for (const { reason } of rejected)
        if (reason !== 'superseded' && reason !== 'duplicate') loss.records++;
      // Records that lie on each other could fill a disk.
      const possible = records.filter(
        ({ keySize, dataSize }) => keySize + dataSize <= left && ((left -= keySize + dataSize), true),
      );
      loss.records += records.length - possible.length;
      yield possible;
    }
  }
  for await (const { records, bytes, starts } of readTogether(db.source, examined(), 'whole')) {
    yield {
      source: db.source,
      count: records.length,
      bytes,
      starts,
      offsets: Float64Array.from(records, ({ offset }) => offset),
      keySizes: Int32Array.from(records, ({ keySize }) => keySize),
      dataSizes: Int32Array.from(records, ({ dataSize }) => dataSize),
    };
  }
}
