import { hashKey } from '../../src/format/hash.js';
import type { Damaged } from './damaged.js';
import type { Intact } from './intact.js';
import type { Remains, Survivors } from './survivors.js';
import { isAbsenceKnown, olderValuesOf, survivalOf, survivorsOf } from './survivors.js';

/** Result of a recovery, compared with what survived. */
export interface Score {
  /** Records that survive, in place and moved. */
  readonly survivors: number;
  /** Records of which the place cannot be told by their element alone (see {@link Survivors}), those that came back, and with another value. */
  readonly ambiguous: number;
  readonly ambiguousRecalled: number;
  readonly ambiguousWrong: number;
  /** Survivors that came back with their value. */
  readonly recalled: number;
  /** Survivors that did not come back at all, in place and moved. */
  readonly lost: readonly string[];
  readonly lostMoved: readonly string[];
  /** Survivors that came back with another value. */
  readonly wrong: readonly string[];
  /** Keys that the sound database did not hold, by where they come from. */
  readonly invented: readonly Invented[];
  /** Records that were hit but came back right, from an old copy. */
  readonly bonus: number;
  /** Records that were hit and came back with a value that they had before. */
  readonly outdated: number;
  /** Records of which only an older value is left (see {@link olderValuesOf}), and those that came back with it. */
  readonly older: number;
  readonly olderRecalled: number;
  /** Records that were hit and came back with other bytes; nothing in the format can show this. */
  readonly changed: number;
}

export interface Invented {
  readonly key: string;
  /**
   * `resurrected`: it was deleted. `resurrected unknowing`: so it was, and nothing is left in the file that says so.
   * `foreign whole`: the element and the key of a record of the other file are whole in the mix; the format has
   * nothing that tells them apart. `foreign`: a key of the other file that is not. `twin`: a stored key of which bytes
   * were changed so that its length and hash are still the same; nothing can show this. `never stored`: by nobody.
   */
  readonly from:
    'resurrected' | 'resurrected unknowing' | 'foreign whole' | 'foreign' | 'twin' | 'never stored';
}

/** Inventions that nothing in the file could have prevented. */
export function isExcused({ from }: Invented): boolean {
  return from === 'resurrected unknowing' || from === 'foreign whole' || from === 'twin';
}

/** @param output every key and value of the recovered database; undefined where there is none */
export function scoreOf(
  intact: Intact,
  damaged: Damaged,
  output: ReadonlyMap<string, string> = new Map(),
): Score {
  const { remains } = damaged;
  const survivors = survivorsOf(intact, remains);
  const { inPlace, moved } = survivors;
  const missing = (keys: ReadonlySet<string>) => [...keys].filter((key) => !output.has(key));
  const score = { recalled: 0, ambiguousRecalled: 0, ambiguousWrong: 0, bonus: 0, outdated: 0, changed: 0 };
  const older = olderValuesOf(intact, remains, survivors);
  const wrong: string[] = [];
  const unknown: string[] = [];
  for (const [key, value] of output) {
    const record = intact.records.get(key);
    if (record === undefined) unknown.push(key);
    else if (survives(survivors, key)) {
      if (value === record.value) score.recalled++;
      else wrong.push(key);
    } else if (survivors.ambiguous.has(key)) {
      if (value === record.value) score.ambiguousRecalled++;
      else score.ambiguousWrong++;
    } else if (value === record.value) score.bonus++;
    else if (intact.history.get(key)!.includes(value)) score.outdated++;
    else score.changed++;
  }
  return {
    ...score,
    survivors: inPlace.size + moved.size,
    ambiguous: survivors.ambiguous.size,
    older: older.size,
    olderRecalled: [...older].filter(([key, value]) => output.get(key) === value).length,
    lost: missing(inPlace),
    lostMoved: missing(moved),
    wrong,
    invented: unknown.length === 0 ? [] : inventionsOf(intact, remains, unknown),
  };
}

function inventionsOf(intact: Intact, damaged: Remains, keys: readonly string[]): Invented[] {
  const { other } = intact;
  // Blocks of the other file may have come before or after others were moved.
  const places = [damaged, { bytes: damaged.bytes, whereIs: (at: number) => at }];
  const isWhole = (key: string) => {
    const { element, bytes } = other!.records.get(key)!;
    const parts = [element, { at: bytes.at, length: key.length }];
    return places.some((place) => parts.every((part) => survivalOf(other!, place, part) !== 'hit'));
  };
  return keys.map((key) => {
    if (intact.history.has(key)) {
      const known = isAbsenceKnown(intact, damaged, key);
      return { key, from: known ? 'resurrected' : 'resurrected unknowing' };
    }
    // The other file's own deleted records come with its old buckets.
    if (other?.history.has(key) && !other.records.has(key)) return { key, from: 'foreign' };
    if (!other?.records.has(key)) return { key, from: hasTwin(intact, key) ? 'twin' : 'never stored' };
    return { key, from: isWhole(key) ? 'foreign whole' : 'foreign' };
  });
}

/** Tells whether a stored key has the same length and hash. */
function hasTwin({ records, hashChar }: Intact, key: string): boolean {
  const hashOf = (one: string) => hashKey(Buffer.from(one, 'latin1'), hashChar);
  return [...records.keys()].some((one) => one.length === key.length && hashOf(one) === hashOf(key));
}

function survives({ inPlace, moved }: Survivors, key: string): boolean {
  return inPlace.has(key) || moved.has(key);
}
