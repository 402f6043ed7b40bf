import { COLUMNS } from '../report/wrap.js';
import type { Report } from '../source/sweep.js';

/** The phases of reading a database, in the order in which they come; a sound one skips most. */
const READING = [
  'reading',
  'looking for the format',
  'looking for the directory',
  'looking at the buckets',
  'undoing a change of all bytes',
  'looking for buckets',
  'looking for moved bytes',
  'examining elements',
];
const CARVING = 'looking for values by their shape';

/** The phases of each kind of work. A phase that is not among them is all of the work, as of a pass over all records. */
const PHASES = {
  passing: [],
  reading: READING,
  repairing: [...READING, CARVING, 'writing the fresh file', 'comparing it'],
  salvaging: [
    ...READING,
    'looking for old records',
    'looking at superseded buckets',
    'looking at free elements',
    'reading the lists of free space',
    'looking at what is overwritten',
    CARVING,
  ],
} satisfies Record<string, readonly string[]>;
export type Work = keyof typeof PHASES;

/** A sound file is only read: that phase takes as long as so many others, which search a damaged one. */
const READING_WEIGHT = 8;

/** Milliseconds that work takes before it is shown. */
const SHOWN_AFTER = 2000;
/** Milliseconds between two updates of the line. */
const UPDATE_EVERY = 200;
/** Share of the work before the time that is left can be told. */
const TOLD_FROM = 0.05;
/** Characters of the bar, and those for 0 to 7 eighths of one. */
const BAR = 24;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** One bar over all phases of some work: it never goes back, whatever phase begins again. */
export class Bar {
  readonly #phases: readonly string[];
  readonly #began: number;
  #share = 0;

  /** @param began in milliseconds */
  constructor(work: Work, began: number) {
    this.#phases = PHASES[work];
    this.#began = began;
  }

  /** A line of fewer than `columns` characters: the phase, the share of the whole, and the time left. */
  line([step, done, all]: Parameters<Report>, now: number, columns: number): string {
    const place = this.#phases.indexOf(step);
    const part = all <= 0 ? 1 : Math.max(0, Math.min(1, done / all));
    this.#share = Math.max(this.#share, place < 0 ? part : this.#shareOf(place, part));
    const eighths = Math.floor(this.#share * BAR * 8);
    const bar = ('█'.repeat(eighths >> 3) + EIGHTHS[eighths & 7]).padEnd(BAR, '░');
    const parts = [step, `${bar} ${String(Math.floor(this.#share * 100)).padStart(3)} %`];
    if (this.#share >= TOLD_FROM) {
      parts.push(`${timeText(((now - this.#began) * (1 / this.#share - 1)) / 1000)} left`);
    }
    // A line that wraps could not be wiped.
    while (parts.length > 1 && parts.join('  ').length >= columns) parts.splice(parts.length > 2 ? -1 : 0, 1);
    return parts.join('  ').slice(0, Math.max(0, columns - 1));
  }

  /** The share of the whole where a part of a phase is done. */
  #shareOf(place: number, part: number): number {
    const sum = (phases: readonly string[]) => phases.reduce((all, phase) => all + weightOf(phase), 0);
    const before = sum(this.#phases.slice(0, place));
    return (before + part * weightOf(this.#phases[place])) / sum(this.#phases);
  }
}

function weightOf(phase: string): number {
  return phase === 'reading' ? READING_WEIGHT : 1;
}

function timeText(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  const minutes = Math.floor(whole / 60);
  if (minutes >= 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

/** True while a bar is on the terminal. */
let isShown = false;

/** Wipes the bar, before anything else is written to the terminal. */
export function wipeProgress(): void {
  if (isShown) process.stderr.write('\r\x1b[K');
  isShown = false;
}

/** Returns true if progress is shown at all: stderr is a terminal. */
function showsProgress(): boolean {
  return process.stderr.isTTY === true && process.env['TERM'] !== 'dumb';
}

export interface ProgressLine {
  /** Undefined where nothing is shown. */
  readonly report: Report | undefined;
  /** Wipes the line. */
  readonly end: () => void;
}

/** Shows work that takes longer than two seconds on one line of the terminal; nothing if stderr is none. */
export function progressLine(work: Work = 'reading'): ProgressLine {
  if (!showsProgress()) return { report: undefined, end: () => {} };
  const bar = new Bar(work, Date.now());
  let next = Date.now() + SHOWN_AFTER;
  return {
    report(...progress) {
      const now = Date.now();
      if (now < next) return;
      next = now + UPDATE_EVERY;
      process.stderr.write(`\r\x1b[K${bar.line(progress, now, process.stderr.columns || COLUMNS)}`);
      isShown = true;
    },
    end: wipeProgress,
  };
}
