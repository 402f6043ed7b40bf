import type { Searched } from '../examine.js';
import { readChunks } from '../source/source.js';
import type { Glob } from './glob.js';
import type { DumpWriter } from './output.js';
import { DUMP_PIECE, OutputBuffer } from './output.js';
import type { WalkLoss } from './walk.js';
import { walkRecords } from './walk.js';

/** What a dump wrote, and what it could not. */
export interface Dumped extends WalkLoss {
  /** Records that were written. */
  written: number;
}

/** Written at once. */
const FLUSH = 4 << 20;

/**
 * Writes every record of a database as a dump, in the order in which libgdbm walks.
 *
 * @param write gets the dump in pieces, which are good until it is done
 * @param wanted the keys to be written; all where it is left out
 */
export async function dump(
  searched: Searched,
  writer: DumpWriter,
  write: (bytes: Uint8Array) => Promise<void>,
  wanted?: Glob,
): Promise<Dumped> {
  const { db } = searched;
  const dumped: Dumped = { written: 0, records: 0, incomplete: false };
  const out = new OutputBuffer();
  const flush = async () => {
    if (out.used > 0) await write(out.bytes.subarray(0, out.used));
    out.used = 0;
  };
  const large = async (which: 'key' | 'value', offset: number, size: number) => {
    writer.begin(out, which, size);
    for await (const piece of readChunks(db.source, offset, size, DUMP_PIECE)) {
      writer.piece(out, piece, 0, piece.length, piece.length === size);
      if (out.used >= FLUSH) await flush();
    }
    if (size === 0) writer.piece(out, new Uint8Array(0), 0, 0, true);
    writer.end(out, which);
  };
  writer.head(out);
  for await (const { count, bytes, starts, offsets, keySizes, dataSizes } of walkRecords(searched, dumped)) {
    for (let i = 0; i < count; i++) {
      const from = starts[i];
      const keyEnd = from + keySizes[i];
      if (from < 0) {
        const keyAt = offsets[i];
        if (wanted !== undefined && !wanted(await db.source.read(keyAt, keySizes[i]))) continue;
        await large('key', keyAt, keySizes[i]);
        await large('value', keyAt + keySizes[i], dataSizes[i]);
      } else {
        if (wanted !== undefined && !wanted(bytes.subarray(from, keyEnd))) continue;
        writer.begin(out, 'key', keySizes[i]);
        writer.piece(out, bytes, from, keyEnd, true);
        writer.end(out, 'key');
        writer.begin(out, 'value', dataSizes[i]);
        writer.piece(out, bytes, keyEnd, keyEnd + dataSizes[i], true);
        writer.end(out, 'value');
      }
      dumped.written++;
      if (out.used >= FLUSH) await flush();
    }
  }
  writer.tail(out, dumped.written);
  await flush();
  return dumped;
}
