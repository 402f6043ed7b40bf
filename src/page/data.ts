import { firstAfter } from '../numbers.js';
import type { PageData } from '../report/html/pagedata.js';

export type { PageData };

/** The report that the page carries: JSON in a block that no browser runs. */
export const data = JSON.parse(document.getElementById('data')!.textContent) as PageData;

/** A range of one kind, as the map knows it. */
export interface Area {
  readonly kind: number;
  readonly offset: number;
  readonly length: number;
  /** True for one range of the file; false for a cell that stands for many. */
  readonly exact: boolean;
}

interface Window {
  readonly offset: number;
  readonly end: number;
  readonly ends: readonly number[];
  readonly kinds: readonly number[];
}

const windows: Window[] = data.map.exact.map(({ offset, lengths, kinds }) => {
  let end = offset;
  const ends = lengths.map((length) => (end += length));
  return { offset, end, ends, kinds: [...kinds].map(Number) };
});

function windowAt(offset: number): Window | undefined {
  return windows.find((one) => one.offset <= offset && offset < one.end);
}

/** Returns true if each range between two offsets is known by itself. */
export function isExact(from: number, to: number): boolean {
  return data.size === 0 || windows.some((one) => one.offset <= from && to <= one.end);
}

function cellMix(index: number): readonly (readonly [kind: number, bytes: number])[] {
  const cell = data.map.cells[index];
  const start = index * data.map.cell;
  if (typeof cell === 'number') return [[cell, Math.min(data.map.cell, data.size - start)]];
  const mix: [number, number][] = [];
  for (let i = 0; i < cell.length; i += 2) mix.push([cell[i], cell[i + 1]]);
  return mix;
}

/** The range, or the cell, that has the byte at `offset`. */
export function areaAt(offset: number): Area {
  const window = windowAt(offset);
  if (window !== undefined) {
    const i = firstAfter(window.ends, offset);
    const start = i === 0 ? window.offset : window.ends[i - 1];
    return { kind: window.kinds[i], offset: start, length: window.ends[i] - start, exact: true };
  }
  const index = Math.floor(offset / data.map.cell);
  const mix = cellMix(index);
  const [kind] = mix.reduce((a, b) => (b[1] > a[1] ? b : a));
  const start = index * data.map.cell;
  const length = Math.min(data.map.cell, data.size - start);
  return { kind, offset: start, length, exact: mix.length === 1 };
}

/** Bytes of each kind between two offsets: exact where ranges are known, in proportion where cells are. */
export function mixOf(from: number, to: number): number[] {
  const mix = data.kinds.map(() => 0);
  while (from < to) {
    const window = windowAt(from);
    if (window !== undefined) {
      for (let i = firstAfter(window.ends, from); i < window.ends.length && from < to; i++) {
        const end = Math.min(to, window.ends[i]);
        mix[window.kinds[i]] += end - from;
        from = end;
      }
      continue;
    }
    const index = Math.floor(from / data.map.cell);
    const start = index * data.map.cell;
    const whole = Math.min(data.map.cell, data.size - start);
    const next = windows.find((one) => one.offset > from)?.offset ?? Infinity;
    const end = Math.min(to, start + whole, next);
    for (const [kind, bytes] of cellMix(index)) mix[kind] += (bytes * (end - from)) / whole;
    from = end;
  }
  return mix;
}

/** The next place of a kind after `offset`, around the end of the file; undefined where there is none. */
export function nextOf(kind: number, offset: number): number | undefined {
  let at = offset;
  let around = false;
  for (;;) {
    const area = at < data.size ? areaAt(at) : undefined;
    if (area === undefined) {
      if (around) return undefined;
      around = true;
      at = 0;
      continue;
    }
    const holds =
      area.kind === kind ||
      (!area.exact && cellMix(Math.floor(area.offset / data.map.cell)).some(([one]) => one === kind));
    if (holds && area.offset > offset) return area.offset;
    if (holds && around) return area.offset;
    if (around && area.offset > offset) return undefined;
    at = area.offset + area.length;
  }
}

/** Sums over the whole map: what a test holds against the file's size. */
export function mapTotal(): number {
  return mixOf(0, data.size).reduce((sum, n) => sum + n, 0);
}
