import { eachKept } from '../check/marks.js';
import { examine } from '../check/examination.js';
import { judgeSites } from '../check/bucket.js';
import type { Database } from '../database/database.js';
import { blocksNow } from '../database/database.js';
import { isPlaced } from '../database/survey.js';
import { KEY_START } from '../format/bucket.js';
import type { Range } from '../source/ranges.js';
import type { MovedBlock } from '../source/views.js';
import { BlockGrid, Rearrangement } from '../source/views.js';
import { findHalves } from './halves.js';
import type { WantedKey } from './locate.js';
import { locateKeys, MAX_LOCATED, MIN_LOCATED } from './locate.js';
import type { SearchedSurvey } from './adopt.js';
import type { Progress } from '../source/sweep.js';
import type { Move } from './witnesses.js';
import { Witnesses } from './witnesses.js';

/** Maximum number of keys that are searched for. */
const MAX_WANTED = 1 << 16;
/** Maximum number of blocks at wrong places: more of them are another kind of damage. */
export const MAX_MOVED = 1 << 12;
/** Number of keys that must agree about a block, whatever other evidence exists. */
const ENOUGH = 2;
/** Maximum number of moves that are checked against other keys. */
const MAX_ASKED = 1 << 10;

/**
 * Finds blocks that stand at wrong places, as on a volume that mixed up its sectors: elements lead to places without
 * their key, and the key is found whole blocks away. A block is believed to have moved if no key of its own is at its
 * place, and none at its new place belongs there, and one of two conditions holds. Either two or more keys agree, old
 * ones included; or a single key does that is nowhere else, and what belongs at the new place is gone from there. An
 * old copy of a lost record is whole blocks away by chance only, and does not displace what belongs there.
 *
 * @param withOld the same survey with superseded buckets too, which a search of the whole file finds; called only if
 *   a block may have moved
 * @returns undefined if no block is known to have moved
 */
export async function findMoved(
  db: Database,
  survey: SearchedSurvey,
  withOld: () => Promise<SearchedSurvey>,
  progress?: Progress,
): Promise<Rearrangement | undefined> {
  if (survey.examination?.hasMisfit === false && db.missing <= 0) return undefined;
  // If the beginning is gone, blocks may have moved before that or after it.
  const grids = [new BlockGrid(db.geometry.blockSize)];
  const now = blocksNow(db);
  if (now.first !== 0) grids.push(now);
  let best: { moved: MovedBlock[]; keys: number } = { moved: [], keys: 0 };
  let grid = grids[0];
  for (const blocks of grids) {
    const on = await movedOn(blocks, db, survey, withOld, progress);
    if (on.keys > best.keys) [best, grid] = [on, blocks];
  }
  return best.moved.length === 0 ? undefined : new Rearrangement(grid, best.moved);
}

/** Blocks that have moved on this grid of blocks, and the number of keys that show it. */
async function movedOn(
  blocks: BlockGrid,
  db: Database,
  inForce: SearchedSurvey,
  withOld: () => Promise<SearchedSurvey>,
  progress?: Progress,
): Promise<{ moved: MovedBlock[]; keys: number }> {
  const { source } = db;
  const { wanted, atHome, known, gone } = await findGone(db, inForce, blocks);
  const found: { home: number; now: number; key: WantedKey; at: number }[] = [];
  const timesFound = new Map<WantedKey, number>();
  const locate = (isKnown: number) => {
    const visit = (key: WantedKey, at: number) => {
      const [home, now] = [blocks.blockOf(key.pointer), blocks.blockOf(at)];
      if (known[now] !== isKnown) return;
      timesFound.set(key, (timesFound.get(key) ?? 0) + 1);
      const wholeBlocks = home !== now && (key.pointer - at) % blocks.size === 0;
      if (wholeBlocks && atHome[home] === 0 && atHome[now] === 0) found.push({ home, now, key, at });
    };
    return locateKeys(source, wanted, visit, progress, rangesOf(blocks, known, isKnown));
  };
  // A block that moved stands where nothing is in place. Only if there is one, the rest of the file is searched too.
  if (wanted.length > 0) await locate(0);
  if (found.length > 0) await locate(1);
  found.sort((a, b) => a.at - b.at);
  const survey = found.length > 0 ? await withOld() : inForce;

  /** Moves by their name, with the number of keys that show each. */
  const moves = new Map<string, Move & { keys: number; certain: boolean }>();
  for (const { home, now, key } of found) {
    const name = `${home} ${now}`;
    const move = moves.get(name) ?? { home, now, keys: 0, certain: false };
    moves.set(name, move);
    move.keys++;
    if (move.keys >= ENOUGH || (gone[now] === 1 && timesFound.get(key) === 1)) move.certain = true;
  }
  for (const { home, now } of await findHalves(db, survey, blocks)) {
    if (atHome[home] !== 0 || atHome[now] !== 0) continue;
    const name = `${home} ${now}`;
    const keys = (moves.get(name)?.keys ?? 0) + ENOUGH;
    moves.set(name, { home, now, keys, certain: true });
  }
  const asked = [...moves.values()].sort((a, b) => b.keys - a.keys).slice(0, MAX_ASKED);
  const witnesses = await Witnesses.hear(db, survey, blocks, asked);
  for (const move of asked) {
    const said = await witnesses.agree(move);
    if (said.against > 0) move.certain = false;
    else if (said.for >= ENOUGH) {
      move.certain = true;
      move.keys = said.for;
    }
  }
  const isWhole = (block: number) => blocks.startOf(block) >= 0 && blocks.startOf(block + 1) <= source.size;
  const places = new Map<number, number>();
  const taken = new Set<number>();
  let keys = 0;
  for (const move of [...moves.values()].sort((a, b) => b.keys - a.keys)) {
    const { home, now } = move;
    if (!move.certain || places.has(home) || taken.has(now) || !isWhole(home) || !isWhole(now)) continue;
    if (places.size === MAX_MOVED) break;
    places.set(home, now);
    taken.add(now);
    keys += move.keys;
  }
  closeCircles(places, taken);
  const moved = [...places].map(([home, at]) => ({ home: blocks.startOf(home), at: blocks.startOf(at) }));
  return { moved, keys };
}

/** Ranges of the blocks that have a mark. */
function rangesOf(blocks: BlockGrid, marks: Uint8Array, mark: number): Range[] {
  const ranges: Range[] = [];
  for (let block = marks.indexOf(mark), end: number; block >= 0; block = marks.indexOf(mark, end)) {
    for (end = block; marks[end] === mark;) end++;
    const offset = Math.max(0, blocks.startOf(block));
    ranges.push({ offset, length: blocks.startOf(end) - offset });
  }
  return ranges;
}

/**
 * Lists the keys that are not in place, and the blocks in which something is in place, or is missing. `known` blocks
 * are also those of buckets in place.
 */
async function findGone(
  db: Database,
  survey: SearchedSurvey,
  blocks: BlockGrid,
): Promise<{ wanted: WantedKey[]; atHome: Uint8Array; known: Uint8Array; gone: Uint8Array }> {
  const examination = survey.examination ?? (await examine(db, survey));
  const blockOf = (offset: number) => blocks.blockOf(offset);
  const count = blockOf(db.source.size) + 1;
  const atHome = new Uint8Array(count);
  const gone = new Uint8Array(count);
  const wanted: WantedKey[] = [];
  await eachKept(db, survey, examination.marks, (words, i) => {
    // A shorter key is at many places by chance.
    if (words.keySize(i) >= MIN_LOCATED) atHome[blockOf(words.pointer(i))] = 1;
  });
  const known = atHome.slice();
  for await (const { site, kept, rejected } of judgeSites(db, survey, examination)) {
    // A whole bucket in two blocks shows that they are neighbours.
    if (site.state === 'sound' && site.used > 0) {
      const [first, last] = [blockOf(site.offset), blockOf(site.offset + db.geometry.bucketSize - 1)];
      if (last > first) atHome.fill(1, first, last + 1);
      if (last > first || (isPlaced(site) && kept > 0)) known.fill(1, first, last + 1);
    }
    const isLost = site.origin === 'directory' && site.state !== 'outdated' && kept === 0;
    if (isLost) gone[blockOf(site.offset)] = 1;
    for (const { reason, hash, keySize: size, keyStart, offset: pointer } of rejected) {
      // A key from the lost beginning may stand at another place, too.
      if (reason !== 'key' && !(reason === 'gone' && pointer < db.missing)) continue;
      gone[blockOf(pointer)] = 1;
      if (size < MIN_LOCATED || size > MAX_LOCATED || wanted.length === MAX_WANTED) continue;
      const start = new DataView(keyStart.buffer, keyStart.byteOffset, KEY_START).getUint32(0);
      wanted.push({ hash, size, pointer, start });
    }
  }
  // A key in place shows that its block is in place, so the lost keys of such a block are not searched for.
  return { wanted: wanted.filter(({ pointer }) => atHome[blockOf(pointer)] === 0), atHome, known, gone };
}

/** Completes open chains of moves to circles: the block that stood at the end of a chain went to its free start. */
function closeCircles(places: Map<number, number>, taken: ReadonlySet<number>): void {
  for (const first of [...places.keys()]) {
    if (taken.has(first)) continue;
    let last = first;
    for (let next = places.get(last); next !== undefined; next = places.get(last)) last = next;
    places.set(last, first);
  }
}
