import type { Score } from './score.js';
import { isExcused } from './score.js';

/** Scores of many trials, added up. */
export class Tally {
  trials = 0;
  records = 0;
  survivors = 0;
  recalled = 0;
  wrong = 0;
  invented = 0;
  /** Inventions that nothing in the file could have prevented; they are among `invented`. */
  excused = 0;
  changed = 0;
  refused = 0;

  /** @param records how many the sound file held */
  add(records: number, score: Score, refused: boolean): void {
    this.trials++;
    this.records += records;
    this.survivors += score.survivors;
    this.recalled += score.recalled;
    this.wrong += score.wrong.length;
    this.invented += score.invented.length;
    this.excused += score.invented.filter(isExcused).length;
    this.changed += score.changed + score.outdated;
    if (refused) this.refused++;
  }

  get lost(): number {
    return this.survivors - this.recalled - this.wrong;
  }

  /** Share of the survivors that came back right, for people. */
  get recall(): string {
    return percent(this.recalled, this.survivors);
  }

  /** Share of the records that survived, for people. */
  get survival(): string {
    return percent(this.survivors, this.records);
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
