import type { Database } from '../database/database.js';
import type { Survey } from '../database/survey.js';
import { elementStruct } from '../format/bucket.js';
import { hashKey } from '../format/hash.js';
import { firstEndingAfter } from '../source/ranges.js';
import { accountFor } from './account.js';
import type { Examination, ExaminedSurvey } from './examination.js';
import { examine } from './examination.js';
import type { ElementMarks } from './marks.js';
import { eachKept } from './marks.js';
import type { OverreachingRecords, SpaceAccount } from './space.js';

/*
 * Kept records whose value may not be the one that was stored: those that show it (`findDoubtful`), which a repair
 * leaves out, and an estimate of the number of those that nothing shows (`estimateHiddenDamage`).
 */

/**
 * Reason why a record with a proved key may not have the value that was stored. `overreaching`: another record, a
 * bucket or the directory begins inside it, so that its size is wrong. `unreadable`: the disk cannot read some of its
 * bytes.
 */
export type Doubt = 'overreaching' | 'unreadable';

/** Records with a proved key and an unproved value. */
export interface DoubtfulRecords {
  /** Number of such records. */
  readonly size: number;
  readonly counts: Readonly<Record<Doubt, number>>;
  /** Tells whether the record of so many bytes, key and value, at a file offset is doubtful. */
  readonly has: (offset: number, length: number) => boolean;
  /** Returns the reason to doubt a record; undefined if there is none. */
  readonly reasonOf: (offset: number, length: number) => Doubt | undefined;
}

/** Finds the doubtful records of a database; the overreaching ones come from the account of its bytes. */
export async function findDoubtful(
  db: Database,
  survey: Survey,
  { marks }: Examination,
  overreaching: OverreachingRecords,
): Promise<DoubtfulRecords> {
  const unreadable = db.source.unreadable?.() ?? [];
  const counts = { overreaching: overreaching.size, unreadable: 0 };
  if (unreadable.length === 0) {
    const reasonOf = (offset: number, length: number) =>
      overreaching.has(offset, length) ? 'overreaching' : undefined;
    return { size: overreaching.size, counts, has: overreaching.has, reasonOf };
  }
  const reasonOf = (offset: number, length: number): Doubt | undefined => {
    if (overreaching.has(offset, length)) return 'overreaching';
    const bad = unreadable[firstEndingAfter(unreadable, offset)];
    return bad !== undefined && bad.offset < offset + length ? 'unreadable' : undefined;
  };
  await eachKept(db, survey, marks, (words, i) => {
    const reason = reasonOf(words.pointer(i), words.keySize(i) + words.dataSize(i));
    if (reason !== undefined && reason !== 'overreaching') counts[reason]++;
  });
  const has = (offset: number, length: number) => reasonOf(offset, length) !== undefined;
  const size = counts.overreaching + counts.unreadable;
  return { size, counts, has, reasonOf };
}

/** Finds the doubtful records of a database, for a caller that needs nothing else of it. */
export async function doubtfulIn(db: Database, survey: ExaminedSurvey): Promise<DoubtfulRecords> {
  const examination = survey.examination ?? (await examine(db, survey));
  const { account } = await accountFor(db, survey, examination);
  return findDoubtful(db, survey, examination, account.overreaching);
}

/** Place of a key that does not give the hash of its element. */
export interface DamagedKey {
  readonly hash: number;
  /** File offset. */
  readonly offset: number;
  readonly keySize: number;
  /** The key's first bytes as the element has them. */
  readonly keyStart: Uint8Array;
}

/** Bytes that are lost together: a sector of the disk, or a page of the memory through which files are written. */
const SECTOR = 512;
const PAGE = 4096;
/** Longest damaged key, in bytes, that is tested for a single wrong byte: the test takes 255 hashes for each byte. */
const MAX_MENDED_KEY = 64;
/** Maximum number of keys tested; the others are assumed to be damaged in the same way. */
const MAX_MENDED = 32;
/** Maximum number of damaged keys in the sample; more would not improve the estimate. */
export const MAX_DAMAGED_KEYS = 1 << 14;

/**
 * Estimates how many kept records have a damaged value. Nothing shows such damage, because a value has no checksum.
 * Keys have a hash, so the damaged keys are a sample of the damage, which is of one of two kinds:
 *
 * - Single bytes: another key in the sector is whole, the key begins as its element says, or a change of one byte
 *   restores its hash. Each byte of a value is hit as often as each byte of the keys and their elements.
 * - Whole sectors, or whole pages if no page with such a key also has a whole key. A value with a byte in a unit with
 *   such a key is hit. A unit with a whole key is intact. Units without a key are hit as often as those with one.
 *
 * A damaged key is left out of the sample if a structure or record in force overwrote its place, or if the place
 * itself is in doubt.
 */
export async function estimateHiddenDamage(
  db: Database,
  survey: Survey,
  marks: ElementMarks,
  keys: readonly DamagedKey[],
  { isUsed }: SpaceAccount,
  doubtful: DoubtfulRecords,
): Promise<number> {
  const { source, format } = db;
  const isSample = ({ offset, keySize }: DamagedKey) =>
    keySize > 0 && !isUsed(offset, keySize) && !doubtful.has(offset, keySize);
  const sample = keys.filter(isSample);
  if (sample.length === 0) return 0;
  const sectorOf = (offset: number) => Math.floor(offset / SECTOR);
  const sectors = new Uint8Array(sectorOf(source.size) + 1);
  const mark = (state: number, offset: number, length: number) => {
    for (let s = sectorOf(offset); s <= sectorOf(offset + length - 1); s++) {
      if (sectors[s] !== WHOLE) sectors[s] = state;
    }
  };

  // 1. Mark the sectors with a whole key, and count the bytes in which damage shows.
  const elementSize = elementStruct(format.layout).size;
  let bytes = 0;
  await eachKept(db, survey, marks, (words, i) => {
    const keySize = words.keySize(i);
    bytes += elementSize + keySize;
    if (keySize > 0) mark(WHOLE, words.pointer(i), keySize);
  });

  // 2. Assign each damaged key to one of the two kinds.
  let single = 0;
  let tried = 0;
  let mended = 0;
  const alone: DamagedKey[] = [];
  for (const key of sample) {
    bytes += elementSize + key.keySize;
    const isMixed =
      sectors[sectorOf(key.offset)] === WHOLE && sectors[sectorOf(key.offset + key.keySize - 1)] === WHOLE;
    if (isMixed) single++;
    else alone.push(key);
  }
  for (const key of alone) {
    if (tried === MAX_MENDED) break;
    if (key.keySize > MAX_MENDED_KEY) continue;
    tried++;
    if (isSingle(await source.read(key.offset, key.keySize), key)) mended++;
  }
  const areSingle = mended * 2 > tried;
  if (areSingle) single += alone.length;
  else for (const { offset, keySize } of alone) mark(LOST, offset, keySize);

  // 3. Add up the probability that each value is hit.
  const pages = inPages(sectors);
  const isByPages = !areSingle && alone.every(({ offset }) => pages[Math.floor(offset / PAGE)] === LOST);
  const [unit, units] = isByPages ? [PAGE, pages] : [SECTOR, sectors];
  let whole = 0;
  let lost = 0;
  for (const state of units) {
    if (state === WHOLE) whole++;
    else if (state === LOST) lost++;
  }
  const isIntact = { byte: 1 - single / bytes, unit: whole / Math.max(1, whole + lost) };
  const before = { unknown: new Uint32Array(units.length + 1), lost: new Uint32Array(units.length + 1) };
  for (const [n, state] of units.entries()) {
    before.unknown[n + 1] = before.unknown[n] + (state === 0 ? 1 : 0);
    before.lost[n + 1] = before.lost[n] + (state === LOST ? 1 : 0);
  }
  let hit = 0;
  await eachKept(db, survey, marks, (words, i) => {
    const [offset, keySize, dataSize] = [words.pointer(i), words.keySize(i), words.dataSize(i)];
    if (dataSize === 0 || doubtful.has(offset, keySize + dataSize)) return;
    const from = Math.floor((offset + keySize) / unit);
    const to = Math.floor((offset + keySize + dataSize - 1) / unit) + 1;
    if (before.lost[to] > before.lost[from]) hit++;
    else hit += 1 - isIntact.byte ** dataSize * isIntact.unit ** (before.unknown[to] - before.unknown[from]);
  });
  return Math.round(hit);
}

/** States of a sector; 0 is a sector without a key. */
const WHOLE = 1;
const LOST = 2;

/** Returns the states of pages: whole if any sector of the page is whole, else lost if any sector is lost. */
function inPages(sectors: Uint8Array): Uint8Array {
  const each = PAGE / SECTOR;
  return Uint8Array.from({ length: Math.ceil(sectors.length / each) }, (_, page) => {
    const own = sectors.subarray(page * each, (page + 1) * each);
    return own.includes(WHOLE) ? WHOLE : own.includes(LOST) ? LOST : 0;
  });
}

/**
 * Tells whether only single bytes of a key are damaged: it begins as its element says, or a change of one byte
 * restores its hash.
 */
function isSingle(key: Uint8Array, { hash, keyStart }: DamagedKey): boolean {
  if (keyStart.every((byte, i) => i >= key.length || byte === key[i])) return true;
  for (let i = 0; i < key.length; i++) {
    const byte = key[i];
    for (let other = 0; other < 256; other++) {
      key[i] = other;
      if (hashKey(key, 'signed') === hash || hashKey(key, 'unsigned') === hash) {
        key[i] = byte;
        return true;
      }
    }
    key[i] = byte;
  }
  return false;
}
