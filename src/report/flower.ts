import type { FlowerEvents } from '../profile/flowertable.js';
import { escapeText } from './escape.js';
import { count } from './sentences.js';

/** The workers and tasks of a Flower as two tables; times are UTC. */
export function flowerTable({ workers, tasks }: FlowerEvents): string {
  const byTime = [...tasks].sort((a, b) => (a.received ?? 0) - (b.received ?? 0));
  return [
    count(workers.length, 'worker'),
    ...columns(
      ['WORKER', 'LAST SEEN', 'PROCESSED'],
      workers.map(({ name, seen, processed }) => [name, timeText(seen), numberText(processed)]),
    ),
    '',
    count(tasks.length, 'task'),
    ...columns(
      ['STATE', 'NAME', 'UUID', 'WORKER', 'RECEIVED', 'STARTED', 'ENDED', 'SECONDS'],
      byTime.map(({ state, name, uuid, worker, received, started, ended, runtime }) => [
        state,
        name,
        uuid,
        worker,
        ...[received, started, ended].map(timeText),
        numberText(runtime),
      ]),
    ),
  ].join('\n');
}

/** Lines of columns, each as wide as its widest field. */
function columns(head: readonly string[], rows: readonly (readonly (string | undefined)[])[]): string[] {
  const lines = [
    head,
    ...rows.map((row) => row.map((field) => (field === undefined ? '-' : escapeText(field)))),
  ];
  const widths = head.map((_, i) => lines.reduce((most, line) => Math.max(most, line[i].length), 0));
  return lines.map((line) =>
    line
      .map((field, i) => field.padEnd(widths[i]))
      .join('  ')
      .trimEnd(),
  );
}

/** The latest time that a date can have, in seconds. */
const LATEST = 8.64e12;

function timeText(seconds: number | undefined): string | undefined {
  if (seconds === undefined || !(Math.abs(seconds) <= LATEST)) return undefined;
  return new Date(seconds * 1000)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, '');
}

function numberText(value: number | undefined): string | undefined {
  return value === undefined ? undefined : String(Number(value.toFixed(3)));
}
