import type { Range } from '../source/gather.js';
import { joinRanges } from '../source/sweep.js';
import type { Areas } from './areas.js';
import { AREA_KINDS } from './areas.js';
import type { ExactData, MapData } from './pagedata.js';

/** So many ranges are given one by one; a file with more is summarised. */
const MAX_EXACT = 40_000;
const MAX_CELLS = 4096;
/** Bytes around a place of interest that are given exactly in a summarised file. */
export const AROUND = 64 * 1024;

/**
 * What bytes are, for a page: every range where there are not too many, and otherwise cells of equal size, with every
 * range around the places of interest.
 *
 * @param places file offsets, the most interesting first
 */
export function mapData(areas: Areas, places: readonly number[], most = MAX_EXACT): MapData {
  if (areas.count <= most) {
    return { exact: [exactData(areas, 0, areas.size)], cell: 0, cells: [], ranges: areas.count };
  }
  const cell = 2 ** Math.max(9, Math.ceil(Math.log2(areas.size / MAX_CELLS)));
  const cells: (number | number[])[] = [];
  for (let at = 0; at < areas.size; at += cell) {
    const mix = areas.mix(at, Math.min(areas.size, at + cell));
    const some = [...mix.keys()].filter((kind) => mix[kind] > 0);
    cells.push(some.length === 1 ? some[0] : some.flatMap((kind) => [kind, mix[kind]]));
  }
  return { exact: exactAround(areas, places, most), cell, cells, ranges: areas.count };
}

function exactAround(areas: Areas, places: readonly number[], most: number): ExactData[] {
  const wanted: Range[] = [];
  let left = most;
  for (const place of places) {
    const from = areas.area(areas.indexAt(Math.max(0, place - AROUND / 2))).offset;
    const last = areas.area(areas.indexAt(Math.min(areas.size - 1, place + AROUND / 2)));
    const to = last.offset + last.length;
    left -= areas.indexAt(to - 1) - areas.indexAt(from) + 1;
    if (left < 0) break;
    wanted.push({ offset: from, length: to - from });
  }
  return Array.from(joinRanges(wanted), ({ offset, length }) => exactData(areas, offset, offset + length));
}

function exactData(areas: Areas, from: number, to: number): ExactData {
  const lengths: number[] = [];
  let kinds = '';
  for (let i = areas.indexAt(from); i < areas.count; i++) {
    const { kind, offset, length } = areas.area(i);
    if (offset >= to) break;
    lengths.push(length);
    kinds += AREA_KINDS.indexOf(kind);
  }
  return { offset: from, lengths, kinds };
}
