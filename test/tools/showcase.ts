import { LAYOUT_64 } from '../../src/format/format.js';
import { MiniGdbm } from './minigdbm.js';

/** Thousands of records that came, changed and went, with damage of many kinds; the same at every call. */
export function damagedDatabase(records = 6000): Uint8Array {
  const format = { byteOrder: 'little', layout: LAYOUT_64, variant: 'standard' } as const;
  const db = new MiniGdbm({ format, blockSize: 4096 });
  const text = (value: string) => new TextEncoder().encode(value);
  for (let i = 0; i < records; i++) {
    db.store(text(`order/${String(i).padStart(6, '0')}`), text('x'.repeat(20 + ((i * 7919) % 300))));
  }
  for (let i = 0; i < records; i += 9) db.delete(text(`order/${String(i).padStart(6, '0')}`));
  for (let i = 1; i < records; i += 17) {
    db.store(text(`order/${String(i).padStart(6, '0')}`), text('y'.repeat(40 + ((i * 31) % 500))));
  }
  const bytes = db.bytes();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const directory = Number(view.getBigInt64(8, true));
  const bits = view.getInt32(20, true);
  const bucket = (slot: number) => Number(view.getBigInt64(directory + 8 * slot, true));
  const last = 2 ** bits - 1;
  // A bucket's head, another one wiped, a run of directory entries, and a piece in the middle that was overwritten.
  view.setInt32(bucket(3) + 108, 99999, true);
  bytes.fill(0, bucket(last >> 1), bucket(last >> 1) + 4096);
  const from = Math.floor((bytes.length * 0.62) / 4096) * 4096;
  for (let i = 0; i < 20_000; i++) bytes[from + i] = (i * 131) & 0xff;
  view.setBigInt64(directory + 8 * (last - 5), 77n, true);
  // A record's size that reaches over its neighbours.
  const at = bucket(last - 20);
  for (let i = 0; i < 160; i++) {
    const element = at + 112 + 24 * i;
    if (view.getInt32(element, true) === -1) continue;
    view.setInt32(element + 20, view.getInt32(element + 20, true) + 3000, true);
    break;
  }
  const cut = new Uint8Array(bytes.length + 6000);
  cut.set(bytes);
  return cut;
}
