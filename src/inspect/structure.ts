import type { ByteOrder } from '../format/format.js';
import type { Struct } from '../format/struct.js';
import { structParser } from '../format/struct.js';

/** One field of a structure where it stands in the file. */
export interface FieldView {
  readonly name: string;
  /** File offset; null where it stands nowhere but follows from others. */
  readonly offset: number | null;
  /** Bytes. */
  readonly size: number;
  readonly value: number | string;
  /** What the value says, where it is not plain. */
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
