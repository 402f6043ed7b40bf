/** How far a long work is, at some moment. */
export interface Progress {
  readonly step: string;
  readonly done: number;
  readonly all: number;
  /** Milliseconds since the step began. */
  readonly elapsed: number;
}

/** Below so many milliseconds a rate says nothing yet. */
const SETTLED = 1000;
const BAR = 24;
/** Of a bar that goes from 0 to 1, in eighths of a character. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A line that tells the step, how much of it is done, how fast it goes and how long it will take; cut to `columns`. */
export function progressText({ step, done, all, elapsed }: Progress, columns: number): string {
  const share = all <= 0 ? 1 : Math.max(0, Math.min(1, done / all));
  const eighths = Math.floor(share * BAR * 8);
  const bar = ('█'.repeat(eighths >> 3) + EIGHTHS[eighths & 7]).padEnd(BAR, '░');
  const parts = [step, `${bar} ${String(Math.floor(share * 100)).padStart(3)} %`];
  if (elapsed >= SETTLED && done > 0) {
    const perSecond = (done / elapsed) * 1000;
    parts.push(`${sizeText(perSecond)}/s`, `${timeText((all - done) / perSecond)} left`);
  }
  // A narrow terminal keeps what matters: the end of a line that wraps could not be wiped.
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
