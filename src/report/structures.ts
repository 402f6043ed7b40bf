import type { ByteOrder } from '../format/format.js';
import type { Struct } from '../format/struct.js';
import { structParser } from '../format/struct.js';
import type { ChalkInstance } from 'chalk';

/** One field of a structure where it stands in the file. */
export interface FieldView {
  readonly name: string;
  /** File offset; null where it stands nowhere but follows from others. */
  readonly offset: number | null;
  /** Bytes. */
  readonly size: number;
  readonly value: number | string;
  /** An explanation of the value. */
  readonly meaning?: string;
}

/** A structure of a file, field by field. */
export interface StructureView {
  readonly structure: string;
  /** File offset; null where it is about no single place. */
  readonly offset: number | null;
  /** Bytes. */
  readonly size: number;
  readonly fields: readonly FieldView[];
  /** Elements of its table, where it has one. */
  readonly rows?: readonly RowView[];
}

/** One element of a table; all rows of a table have the same names. */
export type RowView = Readonly<Record<string, number | string>>;

/** A value that follows from others. */
export function derived(name: string, value: number | string, meaning?: string): FieldView {
  return { name, offset: null, size: 0, value, ...(meaning !== undefined && { meaning }) };
}

/** A field where it stands in the file. */
export function stored(name: string, offset: number, size: number, value: number | string): FieldView {
  return { name, offset, size, value };
}

/** Shows the numbers of a struct; arrays and raw bytes have views of their own. */
export function viewStruct(
  struct: Struct,
  byteOrder: ByteOrder,
  bytes: Uint8Array,
  offset: number,
  meanings: Readonly<Record<string, (value: number) => string>> = {},
): FieldView[] {
  const values = structParser(struct, byteOrder).parse(bytes) as Record<string, unknown>;
  return struct.members.flatMap(({ name, offset: at, size }) => {
    const value = values[name];
    if (typeof value !== 'number') return [];
    const meaning = meanings[name]?.(value);
    return [{ name, offset: offset + at, size, value, ...(meaning !== undefined && { meaning }) }];
  });
}

/** A structure for a person: its fields, then its table. */
export function structureText(view: StructureView, style: ChalkInstance): string {
  const { rows } = view;
  const lines = fieldLines(view, style);
  if (rows === undefined) return lines;
  if (rows.length === 0) return `${lines}  (no entries)\n`;
  const table = new TableText(rows);
  return `${lines}${table.head(style)}${rows.map((row) => table.line(row)).join('')}`;
}

/** The title of a structure and its fields, a line each. */
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
