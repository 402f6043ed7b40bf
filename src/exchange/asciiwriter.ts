import { encodeBase64 } from './base64.js';
import type { DumpWriter, OutputBuffer } from './output.js';
import type { DumpHeader } from './record.js';

/** Bytes of a line, which takes 76 characters. */
const LINE = 57;
/** `#:le` and `n=` as numbers of 32 and 16 bits in little-endian order. */
const LENGTH = 0x656c3a23;
const LENGTH_END = 0x3d6e;
/** Bytes of the longest line with a length. */
const LENGTH_LINE = 24;

/** What the head of a dump says besides what the database is. */
export interface AsciiHead extends Omit<DumpHeader, 'kind'> {
  /** The program that writes it, with its version. */
  readonly by: string;
  /** In local time, as C's asctime writes it: `Tue Nov 24 20:45:00 2026`. */
  readonly date: string;
}

/** Writes what `gdbm_dump` writes by default. */
export function asciiWriter(head: AsciiHead): DumpWriter {
  return {
    head(out) {
      const { by, date, file, uid, user, gid, group, mode, variant } = head;
      out.text(`# GDBM dump file created by ${by} on ${date}\n#:version=1.1\n`);
      // A line's end in a name would be a line of its own.
      // eslint-disable-next-line no-control-regex
      if (file !== undefined) out.text(`#:file=${file.replace(/[\u0000-\u001f\u007f]/g, '?')}\n`);
      const owner = [
        ['uid', uid],
        ['user', user],
        ['gid', gid],
        ['group', group],
        ['mode', mode?.toString(8).padStart(3, '0')],
      ].filter(([, value]) => value !== undefined);
      if (owner.length > 0) out.text(`#:${owner.map(([name, value]) => `${name}=${value}`).join(',')}\n`);
      out.text(`#:format=${variant ?? 'standard'}\n# End of header\n`);
    },
    begin(out, _which, size) {
      lengthLine(out, size);
    },
    piece: base64Lines,
    end() {},
    record(out, bytes, from, keyEnd, end) {
      lengthLine(out, keyEnd - from);
      base64Lines(out, bytes, from, keyEnd);
      lengthLine(out, end - keyEnd);
      base64Lines(out, bytes, keyEnd, end);
    },
    tail(out, count) {
      out.text(`#:count=${count}\n# End of data\n`);
    },
  };
}

function lengthLine(out: OutputBuffer, size: number): void {
  out.reserve(LENGTH_LINE);
  out.view.setInt32(out.used, LENGTH, true);
  out.view.setInt16(out.used + 4, LENGTH_END, true);
  out.used += 6;
  out.number(size);
  out.bytes[out.used++] = 0x0a;
}

function base64Lines(out: OutputBuffer, bytes: Uint8Array, from: number, to: number): void {
  out.reserve(Math.ceil((to - from) / LINE) * 77);
  const into = out.view;
  const view = out.viewOf(bytes);
  let at = out.used;
  for (let i = from; i < to; i += LINE) {
    at = encodeBase64(view, i, Math.min(i + LINE, to), into, at);
    into.setUint8(at++, 0x0a);
  }
  out.used = at;
}
