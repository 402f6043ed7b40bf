import { data } from './data.js';
import { hex, number } from './dom.js';

/** A field of a structure where it stands. */
export interface Field {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly value: string;
  /** Counts on, so that neighbours look different. */
  readonly number: number;
}

/** The fields that begin or go on between two offsets, of every structure that the page knows. */
export function fieldsIn(from: number, to: number, bytesAt: (offset: number) => Uint8Array): Field[] {
  const found: Field[] = [];
  const add = (name: string, offset: number, size: number) => {
    if (offset >= to || offset + size <= from) return;
    found.push({
      name,
      offset,
      size,
      value: valueOf(name, bytesAt(offset).subarray(0, size), size),
      number: found.length,
    });
  };
  for (const [struct, at, size] of data.structures) {
    if (at >= to || at + size <= from) continue;
    const { fields, tableAt, stride, row } = data.structs[struct];
    for (const [name, offset, bytes] of fields) add(`${struct}.${name}`, at + offset, bytes);
    if (tableAt === undefined || stride === undefined || row === undefined) continue;
    const first = Math.max(0, Math.floor((from - at - tableAt) / stride));
    const last = Math.min(Math.floor((size - tableAt) / stride), Math.ceil((to - at - tableAt) / stride));
    for (let i = first; i < last; i++) {
      for (const [name, offset, bytes] of row)
        add(`${ROW[struct] ?? 'table'}[${i}].${name}`, at + tableAt + i * stride + offset, bytes);
    }
  }
  for (const { offset, keySize, valueSize } of data.records.shown) {
    if (offset >= to || offset + keySize + valueSize <= from) continue;
    add('key', offset, keySize);
    add('value', offset + keySize, valueSize);
  }
  return found.sort((a, b) => a.offset - b.offset).map((one, i) => ({ ...one, number: i }));
}

const ROW: Readonly<Record<string, string>> = { bucket: 'element', avail: 'entry', directory: 'slot' };

function valueOf(name: string, bytes: Uint8Array, size: number): string {
  if (bytes.length < size && (size === 4 || size === 8)) return 'not in this page';
  if (name === 'key' || name === 'value') return `${number(size)} bytes`;
  if (name.endsWith('key_start'))
    return [...bytes].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join('');
  if (size !== 4 && size !== 8) return `${number(size)} bytes`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (size === 8) return number(Number(view.getBigInt64(0, data.little)));
  if (name === 'header.magic') return hex(view.getUint32(0, data.little));
  const value = view.getInt32(0, data.little);
  return value === -1 && name.endsWith('.hash') ? '−1, free' : number(value);
}
