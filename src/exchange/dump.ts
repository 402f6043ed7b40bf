import type { Source } from '../source/source.js';
import { passChunks } from '../source/source.js';
import type { WalkedBatch, WalkLoss } from './batch.js';
import type { Glob } from './glob.js';
import type { DumpWriter } from './output.js';
import { DUMP_PIECE, OutputBuffer } from './output.js';
import type { Walkable } from './walk.js';
import { keptRecords } from './keptwalk.js';
import { readKey } from './record.js';

/** What a dump wrote, and what it could not. */
export interface Dumped extends WalkLoss {
  /** Records that were written. */
  written: number;
}

/** Written at once. */
const FLUSH = 1 << 20;

/**
 * Writes every record of a database as a dump, in the order in which libgdbm walks.
 *
 * @param write gets the dump in pieces, which are good until it is done
 * @param wanted the keys to be written; all where it is left out
 */
export async function dump(
  database: Walkable,
  writer: DumpWriter,
  write: (bytes: Uint8Array) => Promise<void>,
  wanted?: Glob,
): Promise<Dumped> {
  const dumped: Dumped = { written: 0, records: 0, incomplete: false };
  const out = new OutputBuffer();
  const flush = async () => {
    if (out.used > 0) await write(out.bytes.subarray(0, out.used));
    out.used = 0;
  };
  const large = async (source: Source, which: 'key' | 'value', offset: number, size: number) => {
    writer.begin(out, which, size);
    for await (const piece of passChunks(source, offset, size, DUMP_PIECE)) {
      writer.piece(out, piece, 0, piece.length, piece.length === size);
      if (out.used >= FLUSH) await flush();
    }
    if (size === 0) writer.piece(out, new Uint8Array(0), 0, 0, true);
    writer.end(out, which);
  };
  const small = (bytes: Uint8Array, from: number, keyEnd: number, end: number) => {
    if (writer.record !== undefined) {
      writer.record(out, bytes, from, keyEnd, end);
      return;
    }
    writer.begin(out, 'key', keyEnd - from);
    writer.piece(out, bytes, from, keyEnd, true);
    writer.end(out, 'key');
    writer.begin(out, 'value', end - keyEnd);
    writer.piece(out, bytes, keyEnd, end, true);
    writer.end(out, 'value');
  };
  // In a function, so that nothing of a batch is held while the next one is made.
  const put = async ({ source, count, bytes, starts, offsets, keySizes, dataSizes }: WalkedBatch) => {
    for (let i = 0; i < count; i++) {
      const from = starts[i];
      const keyEnd = from + keySizes[i];
      if (from < 0) {
        const keyAt = offsets[i];
        if (wanted !== undefined && !wanted(await readKey(source, keyAt, keySizes[i]))) continue;
        await large(source, 'key', keyAt, keySizes[i]);
        await large(source, 'value', keyAt + keySizes[i], dataSizes[i]);
      } else {
        if (wanted !== undefined && !wanted(bytes.subarray(from, keyEnd))) continue;
        small(bytes, from, keyEnd, keyEnd + dataSizes[i]);
      }
      dumped.written++;
      if (out.used >= FLUSH) await flush();
    }
  };
  writer.head(out);
  for await (const batch of keptRecords(database, dumped)) await put(batch);
  writer.tail(out, dumped.written);
  await flush();
  return dumped;
}
