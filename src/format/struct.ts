import { Parser } from 'binary-parser';
import type { ByteOrder, Layout } from './format.js';
import { offsetSize } from './format.js';

/** Computes a value once for each key: structures and parsers are made once per layout, not once per read. */
export function memo<K, V>(make: (key: K) => V): (key: K) => V {
  const made = new Map<K, V>();
  return (key) => {
    let value = made.get(key);
    if (value === undefined) {
      value = make(key);
      made.set(key, value);
    }
    return value;
  };
}

/** A member's C type: `int`, `unsigned`, `off_t`, `char[n]` or an array of another struct. */
export type MemberType = 'int' | 'unsigned' | 'off_t' | { bytes: number } | { struct: Struct; count: number };

/** One member of a C struct where the compiler put it. */
export interface Member {
  readonly name: string;
  readonly type: MemberType;
  /** Bytes from the start of the struct. */
  readonly offset: number;
  /** Bytes that the member takes. */
  readonly size: number;
}

/** A C struct as laid out by one compiler. */
export interface Struct {
  readonly layout: Layout;
  readonly members: readonly Member[];
  /** `sizeof`, in bytes. */
  readonly size: number;
  readonly align: number;
}

/** Lays out a struct's members, in declared order, by the C rules for alignment and padding. */
export function defineStruct(layout: Layout, declared: readonly (readonly [string, MemberType])[]): Struct {
  const members: Member[] = [];
  let offset = 0;
  let align = 1;
  for (const [name, type] of declared) {
    const { size, align: own } = sizeAndAlign(layout, type);
    offset = roundUp(offset, own);
    members.push({ name, type, offset, size });
    offset += size;
    align = Math.max(align, own);
  }
  return { layout, members, size: roundUp(offset, align), align };
}

/** The member of that name; asking for one that is not declared is a mistake in the program. */
export function member(struct: Struct, name: string): Member {
  const found = struct.members.find((m) => m.name === name);
  if (found === undefined) throw new Error(`no member ${name}`);
  return found;
}

function sizeAndAlign(layout: Layout, type: MemberType): { size: number; align: number } {
  if (type === 'int' || type === 'unsigned') return { size: 4, align: 4 };
  if (type === 'off_t') return { size: offsetSize(layout), align: layout.alignment };
  if ('bytes' in type) return { size: type.bytes, align: 1 };
  return { size: type.struct.size * type.count, align: type.struct.align };
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}

/**
 * The binary-parser declaration of a struct: the readable truth about it, to which the typed readers of the hot
 * loops are held by a property test.
 *
 * A 64-bit offset comes out as a number. Beyond 2^53 it is rounded, never wrapped: every bound it is compared
 * with is a file size or less, so the comparison is still right.
 */
export function structParser(struct: Struct, byteOrder: ByteOrder): StructParser {
  return declareParser(struct, byteOrder);
}

/** Reads a struct's members from the bytes at its start. */
export interface StructParser {
  parse(bytes: Uint8Array): unknown;
}

function declareParser(struct: Struct, byteOrder: ByteOrder): Parser {
  let parser = new Parser().endianness(byteOrder);
  let at = 0;
  for (const { name, type, offset, size } of struct.members) {
    if (offset > at) parser = parser.seek(offset - at);
    at = offset + size;
    if (type === 'int') parser = parser.int32(name);
    else if (type === 'unsigned') parser = parser.uint32(name);
    else if (type === 'off_t') {
      parser = size === 8 ? parser.int64(name, { formatter: Number }) : parser.int32(name);
    } else if ('bytes' in type) parser = parser.buffer(name, { length: type.bytes });
    else parser = parser.array(name, { type: declareParser(type.struct, byteOrder), length: type.count });
  }
  return struct.size > at ? parser.seek(struct.size - at) : parser;
}

/** Values that a member may be encoded from. */
type MemberValue = number | Uint8Array | readonly Record<string, unknown>[];

/**
 * Writes a struct's members into `view` at `at`; padding is left as it is.
 *
 * @throws RangeError for an offset that the layout cannot hold
 */
export function encodeStruct(
  struct: Struct,
  byteOrder: ByteOrder,
  values: object,
  view: DataView,
  at = 0,
): void {
  const little = byteOrder === 'little';
  for (const { name, type, offset } of struct.members) {
    const value = (values as Record<string, MemberValue>)[name];
    if (type === 'int') view.setInt32(at + offset, value as number, little);
    else if (type === 'unsigned') view.setUint32(at + offset, value as number, little);
    else if (type === 'off_t') writeOffset(view, at + offset, value as number, struct.layout, little);
    else if ('bytes' in type) {
      new Uint8Array(view.buffer, view.byteOffset + at + offset, type.bytes).set(value as Uint8Array);
    } else {
      (value as readonly object[])
        .slice(0, type.count)
        .forEach((item, i) =>
          encodeStruct(type.struct, byteOrder, item, view, at + offset + i * type.struct.size),
        );
    }
  }
}

/** Reads an `off_t`; beyond 2^53 rounded, never wrapped. */
export function readOffset(view: DataView, at: number, layout: Layout, little: boolean): number {
  if (layout.offsetBits === 32) return view.getInt32(at, little);
  const high = view.getInt32(at + (little ? 4 : 0), little);
  const low = view.getUint32(at + (little ? 0 : 4), little);
  return high * 0x1_0000_0000 + low;
}

/**
 * Writes an `off_t`.
 *
 * @throws RangeError if the layout cannot hold it
 */
export function writeOffset(
  view: DataView,
  at: number,
  value: number,
  layout: Layout,
  little: boolean,
): void {
  const limit = layout.offsetBits === 32 ? 0x7fffffff : Number.MAX_SAFE_INTEGER;
  if (!Number.isInteger(value) || value > limit || value < -limit) {
    throw new RangeError(
      `expected an offset of at most ${limit} for ${layout.offsetBits}-bit offsets, found ${value}`,
    );
  }
  if (layout.offsetBits === 32) {
    view.setInt32(at, value, little);
    return;
  }
  const high = Math.floor(value / 0x1_0000_0000);
  view.setInt32(at + (little ? 4 : 0), high, little);
  view.setUint32(at + (little ? 0 : 4), value - high * 0x1_0000_0000, little);
}

/** A DataView over exactly these bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
