import { NumberList, OffsetList } from '../numbers.js';
import type { AreaVisitor } from '../picture/areas.js';
import { AREA_KINDS, AreaTotals } from '../picture/areas.js';
import type { Claims } from '../picture/claims.js';
import type { PaintOptions } from '../picture/paint.js';
import { paint } from '../picture/paint.js';
import type { RowView, StructureView } from './structure.js';
import { derived } from './structure.js';

/** Ranges that are shown unless each is wanted. */
const SHOWN = 100;

/** Bytes of each kind, and the ranges of a file in order. */
export interface MapView {
  readonly view: StructureView;
  /** Whether each range is wanted and they are too many to be held: then the view has none. */
  readonly isLong: boolean;
  /** The largest numbers of any row, as wide as its columns are. */
  readonly widest: RowView;
}

/**
 * Bytes of each kind, and the first ranges of a file in order; where each is wanted and there are many, none of them: then
 * {@link eachMapRow} gives them.
 *
 * @param size of the file in bytes
 * @param all whether each range is wanted
 */
export async function inspectMap(claims: Claims, size: number, all: boolean): Promise<MapView> {
  const most = all ? 10 * SHOWN : SHOWN;
  const totals = new AreaTotals();
  const rows: RowView[] = [];
  const widest = { offset: 0, bytes: 0, kind: '' };
  await paint(claims, size, (kind, from, to) => {
    totals.visit(kind, from, to);
    widest.offset = from;
    widest.bytes = Math.max(widest.bytes, to - from);
    if (rows.length < most) rows.push(rowOf(kind, from, to));
  });
  const { bytes, count } = totals;
  const isLong = all && rows.length < count;
  const shown =
    rows.length === count || all ? 'all follow' : `the first ${rows.length} follow; --all shows each`;
  const view = {
    structure: 'map',
    offset: 0,
    size,
    fields: [
      ...AREA_KINDS.map((kind, i) => derived(kind, bytes[i], 'bytes')),
      derived('ranges', count, shown),
    ],
    rows: isLong ? [] : rows,
  };
  return { view, isLong, widest };
}

/**
 * Gives each range of a file as a row.
 *
 * @param take waited for where it gives something to wait for, before more of the file is looked at
 */
export async function eachMapRow(
  claims: Claims,
  size: number,
  take: (row: RowView) => Promise<void> | undefined,
  options: Pick<PaintOptions, 'held'> = {},
): Promise<void> {
  // Of one part of the file, as numbers: as lines that wait to be written they would be ten times as large.
  const kinds = new NumberList();
  const ends = new OffsetList();
  let from = 0;
  const visit: AreaVisitor = (kind, _, to) => {
    kinds.push(kind);
    ends.push(to);
  };
  const afterPart = async () => {
    for (let i = 0; i < kinds.length; i++) {
      const to = ends.at(i);
      const busy = take(rowOf(kinds.at(i), from, to));
      if (busy !== undefined) await busy;
      from = to;
    }
    kinds.clear();
    ends.clear();
  };
  await paint(claims, size, visit, { ...options, afterPart });
}

function rowOf(kind: number, from: number, to: number): RowView {
  return { offset: from, bytes: to - from, kind: AREA_KINDS[kind] };
}
