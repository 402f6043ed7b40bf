import { jsonText } from '../report/jsontext.js';

/** How urgent a line is. */
export type Level = 'info' | 'warning' | 'error';

/** What happened, for people and for programs. */
export interface LogEvent {
  readonly level: Level;
  /** A stable name, such as `repaired`. */
  readonly event: string;
  readonly message: string;
  /** Numbers and words that belong to it; file names as they are. */
  readonly details?: Readonly<Record<string, string | number | boolean | null>>;
}

export type LogFormat = 'text' | 'json';

/** Told of each step. */
export type Log = (event: LogEvent) => void;

/** One line, without its end: control characters of file names and messages are escaped in either form. */
export function logLine({ level, event, message, details }: LogEvent, format: LogFormat, time: Date): string {
  const stamp = time.toISOString();
  if (format === 'json') {
    return jsonText({ time: stamp, level, event, message, ...details });
  }
  return `${stamp} gdbm-doctor ${level}: ${escapeControls(message)}`;
}

/** A line must stay one, and must not drive a terminal. */
function escapeControls(text: string): string {
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (one) => {
    return `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
