import type { Report } from '../source/sweep.js';

/** Milliseconds between two updates of the line; shorter work shows none. */
const UPDATE_EVERY = 200;
/** Width of a terminal that does not report one. */
const COLUMNS = 80;

/**
 * Shows the progress of long work on one line of the terminal, which `end` wipes; nothing if stderr is no terminal.
 */
export function progressLine(): { report: Report; end: () => void } {
  let updated = Date.now();
  let began = updated;
  let current: string | undefined;
  let before = 0;
  let isShown = false;
  const isTerminal = process.stderr.isTTY === true && process.env['TERM'] !== 'dumb';
  return {
    report(step, done, all) {
      const now = Date.now();
      // The same step may begin again, on another part of the work.
      if (step !== current || done < before) [current, began] = [step, now];
      before = done;
      if (!isTerminal || now - updated < UPDATE_EVERY) return;
      updated = now;
      isShown = true;
      const text = progressText({ step, done, all, elapsed: now - began }, process.stderr.columns || COLUMNS);
      process.stderr.write(`\r\x1b[K${text}`);
    },
    end() {
      if (isShown) process.stderr.write('\r\x1b[K');
      isShown = false;
    },
  };
}

/** Progress of a step, in bytes. */
export interface StepProgress {
  readonly step: string;
  readonly done: number;
  readonly all: number;
  /** Milliseconds since the step began. */
  readonly elapsed: number;
}

/** Milliseconds before a rate is shown: earlier it says nothing. */
const RATE_AFTER = 1000;
/** Characters of the bar, and those for 0 to 7 eighths of one. */
const BAR = 24;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A line of at most `columns` characters with the step, the share that is done, the rate and the time left. */
export function progressText({ step, done, all, elapsed }: StepProgress, columns: number): string {
  const share = all <= 0 ? 1 : Math.max(0, Math.min(1, done / all));
  const eighths = Math.floor(share * BAR * 8);
  const bar = ('█'.repeat(eighths >> 3) + EIGHTHS[eighths & 7]).padEnd(BAR, '░');
  const parts = [step, `${bar} ${String(Math.floor(share * 100)).padStart(3)} %`];
  if (elapsed >= RATE_AFTER && done > 0) {
    const perSecond = (done / elapsed) * 1000;
    parts.push(`${sizeText(perSecond)}/s`, `${timeText((all - done) / perSecond)} left`);
  }
  // A line that wraps could not be wiped.
  while (parts.length > 1 && parts.join('  ').length >= columns) parts.splice(parts.length > 2 ? -1 : 0, 1);
  return parts.join('  ').slice(0, Math.max(0, columns - 1));
}

function sizeText(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB'];
  let unit = 0;
  for (; bytes >= 1000 && unit < units.length - 1; unit++) bytes /= 1000;
  return `${bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
}

function timeText(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  const minutes = Math.floor(whole / 60);
  if (minutes >= 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}
