import type { ChalkInstance } from 'chalk';
import type { RowView, StructureView } from '../inspect/structure.js';

/** A structure for a person: its fields, then its table. */
export function structureText(view: StructureView, style: ChalkInstance): string {
  const { structure, offset, size, fields, rows } = view;
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
  if (rows !== undefined)
    return `${lines.concat(rows.length === 0 ? ['  (no entries)'] : tableLines(rows, style)).join('\n')}\n`;
  return `${lines.join('\n')}\n`;
}

function tableLines(rows: readonly RowView[], style: ChalkInstance): string[] {
  const names = Object.keys(rows[0]);
  const widths = names.map((name) =>
    rows.reduce((width, row) => Math.max(width, String(row[name]).length), name.length),
  );
  // Numbers line up on the right, words on the left.
  const cell = (value: number | string, i: number) =>
    typeof value === 'number' ? String(value).padStart(widths[i]) : value.padEnd(widths[i]);
  const line = (cells: string[]) => `  ${cells.join('  ')}`.trimEnd();
  return [
    style.dim(
      line(
        names.map((name, i) =>
          typeof rows[0][name] === 'number' ? name.padStart(widths[i]) : name.padEnd(widths[i]),
        ),
      ),
    ),
    ...rows.map((row) => line(names.map((name, i) => cell(row[name], i)))),
  ];
}
