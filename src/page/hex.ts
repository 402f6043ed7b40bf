import { data, areaAt } from './data.js';
import { hex, number, byId, decode64, el, parseOffset, plain } from './dom.js';

/** A field of a structure where it stands. */
interface Field {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly value: string;
  /** Counts on, so that neighbours look different. */
  readonly number: number;
}

/** The fields that begin or go on between two offsets, of every structure that the page knows. */
function fieldsIn(from: number, to: number, bytesAt: (offset: number) => Uint8Array): Field[] {
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
  if (name.endsWith('key_start')) return plain(bytes);
  if (size !== 4 && size !== 8) return `${number(size)} bytes`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (size === 8) return number(Number(view.getBigInt64(0, data.little)));
  if (name === 'header.magic') return hex(view.getUint32(0, data.little));
  const value = view.getInt32(0, data.little);
  return value === -1 && name.endsWith('.hash') ? '−1, free' : number(value);
}

const known = data.hex.map(([offset, text]) => ({ offset, bytes: decode64(text) }));
const PAGE = 512;

/** The bytes from `offset` on as far as the page has them without a hole. */
function bytesAt(offset: number): Uint8Array {
  const run = known.find((one) => one.offset <= offset && offset < one.offset + one.bytes.length);
  return run === undefined ? new Uint8Array(0) : run.bytes.subarray(offset - run.offset);
}

/** A hex view of any place, with the fields of the structures in it named. */
export class HexView {
  at = 0;
  readonly #moved: (offset: number) => void;

  constructor(moved: (offset: number) => void) {
    this.#moved = moved;
    byId('hex-back').addEventListener('click', () => this.#turn(-PAGE));
    byId('hex-on').addEventListener('click', () => this.#turn(PAGE));
    byId<HTMLFormElement>('hex-go').addEventListener('submit', (event) => {
      event.preventDefault();
      const input = byId<HTMLInputElement>('hex-offset');
      const offset = parseOffset(input.value);
      const right = offset >= 0 && offset < data.size;
      input.setAttribute('aria-invalid', String(!right));
      byId('hex-wrong').textContent = right
        ? ''
        : `Expected an offset from 0 to ${data.size - 1}, or 0x in hex.`;
      if (right) this.#moved(offset);
    });
  }

  /** Shows the bytes from `offset` on. */
  show(offset: number, focus = false): void {
    this.at = offset;
    const per = innerWidth < 600 ? 8 : 16;
    const first = Math.max(0, offset - (offset % per));
    const fields = fieldsIn(first, first + PAGE, bytesAt);
    const table = byId('hex-rows');
    table.replaceChildren();
    const marked = areaAt(offset);
    let missing = 0;
    for (let row = first; row < Math.min(data.size, first + PAGE); row += per) {
      const cells = el('span', { class: 'cells' });
      let text = '';
      for (let at = row; at < Math.min(data.size, row + per); at++) {
        const bytes = bytesAt(at);
        const field = fields.find((one) => one.offset <= at && at < one.offset + one.size);
        const inArea = at >= marked.offset && at < marked.offset + marked.length;
        const names = [
          field === undefined ? '' : `f${field.number % 2}`,
          inArea ? 'in' : '',
          bytes.length === 0 ? 'gone' : '',
        ];
        const cell = el(
          'span',
          { class: names.join(' ') },
          bytes.length === 0 ? '··' : bytes[0].toString(16).padStart(2, '0'),
        );
        if (field !== undefined) cell.title = field.name;
        cells.append(cell);
        if (bytes.length === 0) missing++;
        text += bytes.length === 0 ? ' ' : plain(bytes.subarray(0, 1));
      }
      table.append(
        el(
          'div',
          { class: 'hex-row' },
          el('span', { class: 'at' }, hex(row).slice(2).padStart(8, '0')),
          cells,
          el('span', { class: 'text' }, text),
        ),
      );
    }
    byId('hex-note').textContent =
      missing === 0
        ? ''
        : `${number(missing)} of these bytes are not in this page, which has only a sample of a large file. See them with: gdbm-doctor inspect ${data.path} at ${hex(offset)}`;
    const list = byId('fields');
    list.replaceChildren(
      ...fields
        .slice(0, 80)
        .map((one) =>
          el(
            'tr',
            {},
            el('td', {}, hex(one.offset)),
            el('th', { scope: 'row' }, one.name),
            el('td', { class: 'value' }, one.value),
          ),
        ),
    );
    byId('fields-none').hidden = fields.length > 0;
    byId<HTMLInputElement>('hex-offset').value = hex(offset);
    if (focus) byId('bytes').focus();
  }

  #turn(by: number): void {
    this.#moved(Math.max(0, Math.min(data.size - 1, this.at + by)));
  }
}
