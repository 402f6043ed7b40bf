import type { Report } from '../source/sweep.js';
import { sparing } from './heap.js';
import { progressText } from './progressbar.js';

/** Shown at most so often, in milliseconds; shorter work shows nothing. */
const EVERY = 200;
/** Of a terminal that does not tell its width. */
const COLUMNS = 80;

/**
 * Shows how far long work is, on one line of a terminal that is wiped at the end; nothing where stderr is none. At each new
 * step what the last one needed is freed.
 */
export function progressLine(): { report: Report; end: () => void } {
  let last = Date.now();
  let began = last;
  let current: string | undefined;
  let before = 0;
  let shown = false;
  const spare = sparing();
  const isTerminal = process.stderr.isTTY === true && process.env['TERM'] !== 'dumb';
  return {
    report(step, done, all) {
      const now = Date.now();
      spare(step);
      // The same step may begin again, on another part of the work.
      if (step !== current || done < before) [current, began] = [step, now];
      before = done;
      if (!isTerminal || now - last < EVERY) return;
      last = now;
      shown = true;
      const text = progressText({ step, done, all, elapsed: now - began }, process.stderr.columns || COLUMNS);
      process.stderr.write(`\r\x1b[K${text}`);
    },
    end() {
      if (shown) process.stderr.write('\r\x1b[K');
      shown = false;
    },
  };
}
