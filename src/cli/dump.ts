import { readRecords } from '../records.js';
import { readChunks } from '../source/source.js';
import type { ExitCode } from './exit.js';
import { EXIT } from './exit.js';
import { withDatabase } from './file.js';
import { print } from './terminal.js';

export interface DumpArguments {
  readonly file: string;
}

/** A multiple of three, so that pieces of base64 join without padding between them. */
const PIECE = 3 << 18;

/** Writes each record as a line of JSON, key and value in base64. */
export async function dumpCommand({ file }: DumpArguments): Promise<ExitCode> {
  return withDatabase(file, async (db) => {
    for await (const { key, offset, keySize, dataSize } of readRecords(db)) {
      await print(`{"key":"${Buffer.from(key).toString('base64')}","value":"`);
      for await (const piece of readChunks(db.source, offset + keySize, dataSize, PIECE)) {
        await print(Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString('base64'));
      }
      await print('"}\n');
    }
    return EXIT.ok;
  });
}
