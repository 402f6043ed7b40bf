import { data } from './data.js';

const codes = new Map(data.opcodes.map(([code, name, argument]) => [code, { name, argument }]));
const MOST = 40;

/** The first opcodes of a pickle, one a line; nothing is made of them. Empty where the bytes do not begin as one. */
export function opcodesOf(bytes: Uint8Array): string[] {
  if (bytes.length < 2 || bytes[0] !== 0x80 || bytes[1] < 2 || bytes[1] > 5) return [];
  const lines: string[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sized = {
    1: (at: number) => view.getUint8(at),
    4: (at: number) => view.getUint32(at, true),
    8: (at: number) => Number(view.getBigUint64(at, true)),
  };
  for (let i = 0; i < bytes.length && lines.length < MOST;) {
    const known = codes.get(bytes[i]);
    const start = i++;
    if (known === undefined) {
      lines.push(`${start}  no opcode: 0x${bytes[start].toString(16).padStart(2, '0')}`);
      break;
    }
    const { name, argument } = known;
    let shown: string;
    if (typeof argument === 'number') {
      if (i + argument > bytes.length) break;
      shown =
        argument === 0
          ? ''
          : String(name === 'BINFLOAT' ? view.getFloat64(i) : little(bytes.subarray(i, i + argument)));
      i += argument;
    } else if (/^(text|bytes)/.test(argument)) {
      const width = Number(argument.at(-1)) as 1 | 4 | 8;
      if (i + width > bytes.length) break;
      const size = sized[width](i);
      i += width;
      shown = `${size} bytes: ${plain(bytes.subarray(i, Math.min(bytes.length, i + size, i + 60)))}`;
      i += size;
    } else {
      let ends = argument === 'names' ? 2 : 1;
      const from = i;
      while (i < bytes.length && ends > 0) if (bytes[i++] === 0x0a) ends--;
      shown = plain(bytes.subarray(from, i));
    }
    lines.push(`${start}  ${name} ${shown}`.trimEnd());
    if (name === 'STOP') return lines;
  }
  lines.push('…');
  return lines;
}

/** Printable ASCII as it is, all else as dots. */
export function plain(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join(
    '',
  );
}

function little(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => value * 256n + BigInt(byte), 0n);
}
