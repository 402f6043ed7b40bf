import { search } from '../examine.js';
import { readSalvaged } from '../salvage/read.js';
import { salvage } from '../salvage/salvage.js';
import { readChunks } from '../source/source.js';
import type { ExitCode } from './exit.js';
import { EXIT } from './exit.js';
import { withDatabase } from './file.js';
import { Output } from './terminal.js';

export interface DumpArguments {
  readonly file: string;
}

/** A multiple of three, so that pieces of base64 join without padding between them. */
const PIECE = 3 << 18;

/** Writes each record as a line of JSON, key and value in base64. */
export async function dumpCommand({ file }: DumpArguments): Promise<ExitCode> {
  return withDatabase(file, async (db) => {
    const out = new Output();
    const addRange = async (offset: number, size: number) => {
      for await (const piece of readChunks(db.source, offset, size, PIECE)) await out.add(base64(piece));
    };
    for await (const { record, bytes } of readSalvaged(
      db.source,
      salvage(db, (await search(db)).survey),
      'whole',
    )) {
      const { offset, keySize, dataSize } = record;
      if (bytes !== undefined) {
        const key = base64(bytes.subarray(0, keySize));
        await out.add(`{"key":"${key}","value":"${base64(bytes.subarray(keySize))}"}\n`);
        continue;
      }
      await out.add('{"key":"');
      await addRange(offset, keySize);
      await out.add('","value":"');
      await addRange(offset + keySize, dataSize);
      await out.add('"}\n');
    }
    await out.flush();
    return EXIT.ok;
  });
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}
