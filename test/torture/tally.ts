import type { Trial } from './judge.js';
import { isExcused } from './score.js';

/** The numbers of a tally. */
type Counts = {
  [Name in keyof Tally as Tally[Name] extends number ? Exclude<Name, 'lost'> : never]: number;
};

/** Scores of many trials, added up. */
export class Tally {
  trials = 0;
  records = 0;
  /** Records that are still in the file, in place or moved, and those of them that came back right. */
  there = 0;
  recalled = 0;
  wrong = 0;
  invented = 0;
  /** Inventions that nothing in the file could have prevented; they are among `invented`. */
  excused = 0;
  /** Records that were hit and came back with bytes that were never stored, and with an old value. */
  changed = 0;
  outdated = 0;
  /** Those among the ones that are there whose place several copies of their key leave open. */
  ambiguous = 0;
  ambiguousRecalled = 0;
  /** Records of which only an older value is left, and those that came back with it. */
  older = 0;
  olderRecalled = 0;
  /** Records that a lookup by the real library finds right in the damaged file, and the repaired one lacks. */
  worse = 0;
  refused = 0;
  /** Fresh files that are not sound, and errors in place of a result. */
  unsound = 0;

  /** @param records how many the sound file held */
  add(records: number, { score, refused, unsound }: Pick<Trial, 'score' | 'refused' | 'unsound'>): void {
    this.trials++;
    this.records += records;
    this.there += score.survivors + score.ambiguous;
    this.recalled += score.recalled + score.ambiguousRecalled;
    this.wrong += score.wrong.length + score.ambiguousWrong;
    this.invented += score.invented.length;
    this.excused += score.invented.filter(isExcused).length;
    this.changed += score.changed;
    this.outdated += score.outdated;
    this.older += score.older;
    this.olderRecalled += score.olderRecalled;
    this.ambiguous += score.ambiguous;
    this.ambiguousRecalled += score.ambiguousRecalled;
    if (refused) this.refused++;
    if (unsound !== undefined) this.unsound++;
  }

  /** Adds another tally to this one. */
  include(other: Tally): void {
    for (const name of Object.keys(this) as (keyof Counts)[]) this[name] += other[name];
  }

  get lost(): number {
    return this.there - this.recalled - this.wrong;
  }

  /** Share of the records still there that came back right, for people. */
  get recall(): string {
    return percent(this.recalled, this.there);
  }

  /** Share of the records that are still there, for people. */
  get survival(): string {
    return percent(this.there, this.records);
  }

  /** Number of invented keys and, in parentheses, of those that nothing in the file tells from real ones. */
  get inventions(): string {
    return this.excused > 0 ? `${this.invented} (${this.excused})` : `${this.invented}`;
  }
}

/** Rounded down, so that only all is 100 %. */
function percent(part: number, whole: number): string {
  return whole === 0 ? '–' : `${Math.floor((1000 * part) / whole) / 10} %`;
}
