import type { Report } from '../examine.js';

/** Shown at most so often, in milliseconds; shorter work shows nothing. */
const EVERY = 200;

/** Shows how far long work is, on one line of a terminal that is wiped at the end; nothing where stderr is none. */
export function progressLine(): { report: Report; end: () => void } {
  let last = performance.now();
  let shown = false;
  const isTerminal = process.stderr.isTTY === true && process.env['TERM'] !== 'dumb';
  return {
    report(step, done, all) {
      const now = performance.now();
      if (!isTerminal || now - last < EVERY) return;
      last = now;
      shown = true;
      process.stderr.write(`\r\x1b[K${step}: ${all === 0 ? 100 : Math.floor((done / all) * 100)} %`);
    },
    end() {
      if (shown) process.stderr.write('\r\x1b[K');
      shown = false;
    },
  };
}
