import type { ChalkInstance } from 'chalk';
import type { RowView, StructureView } from '../inspect/structure.js';

/** A structure for a person: its fields, then its table. */
export function structureText(view: StructureView, style: ChalkInstance): string {
  const { rows } = view;
  const lines = fieldLines(view, style);
  if (rows === undefined) return lines;
  if (rows.length === 0) return `${lines}  (no entries)\n`;
  const table = new TableText(rows);
  return `${lines}${table.head(style)}${rows.map((row) => table.line(row)).join('')}`;
}

/** What a structure is and its fields, a line each. */
export function fieldLines({ structure, offset, size, fields }: StructureView, style: ChalkInstance): string {
  const place = offset === null ? '' : `: ${size} bytes at offset ${offset} (0x${offset.toString(16)})`;
  const lines = [style.bold(`${structure}${place}`)];
  const nameWidth = Math.max(0, ...fields.map(({ name }) => name.length));
  const offsetWidth = Math.max(0, ...fields.map((field) => String(field.offset ?? '').length));
  for (const { name, offset: at, value, meaning } of fields) {
    const where = style.dim(String(at ?? '').padStart(offsetWidth));
    lines.push(
      `  ${where}  ${name.padEnd(nameWidth)}  ${value}${meaning === undefined ? '' : `  (${meaning})`}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

/** Rows of a table as lines: numbers line up on the right, words on the left. */
export class TableText {
  readonly #names: readonly string[];
  readonly #widths: readonly number[];
  readonly #first: RowView;

  /** @param rows those of the table, or as many as have its widest cells; at least one */
  constructor(rows: readonly RowView[]) {
    this.#first = rows[0];
    this.#names = Object.keys(rows[0]);
    this.#widths = this.#names.map((name) =>
      rows.reduce((width, row) => Math.max(width, String(row[name]).length), name.length),
    );
  }

  /** The line of the columns' names. */
  head(style: ChalkInstance): string {
    const cells = this.#names.map((name, i) => {
      const width = this.#widths[i];
      return typeof this.#first[name] === 'number' ? name.padStart(width) : name.padEnd(width);
    });
    return `${style.dim(lineOf(cells))}\n`;
  }

  line(row: RowView): string {
    const cells = this.#names.map((name, i) => {
      const value = row[name];
      return typeof value === 'number'
        ? String(value).padStart(this.#widths[i])
        : value.padEnd(this.#widths[i]);
    });
    return `${lineOf(cells)}\n`;
  }
}

function lineOf(cells: readonly string[]): string {
  return `  ${cells.join('  ')}`.trimEnd();
}
