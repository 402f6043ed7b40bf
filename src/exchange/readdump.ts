import { readAsciiDump } from './asciireader.js';
import { readBerkeleyDump } from './berkeleyreader.js';
import { readBinaryDump } from './binaryreader.js';
import { Input } from './input.js';
import { readNdjson } from './ndjsonreader.js';
import type { DumpReader } from './record.js';

/**
 * Reads a dump of whichever kind it is, told from how it begins.
 *
 * @param pieces the dump's bytes, in order; each piece is left alone until two more were given
 * @throws DumpError from here or from the batches, where it is not what it should be
 */
export async function readDump(pieces: AsyncIterable<Uint8Array>): Promise<DumpReader> {
  const input = new Input(pieces);
  await input.need(8);
  const start = new TextDecoder('latin1').decode(input.bytes.subarray(0, Math.min(8, input.end)));
  if (start.startsWith('#')) return readAsciiDump(input);
  if (start.startsWith('!')) return readBinaryDump(input);
  if (start.startsWith('VERSION=')) return readBerkeleyDump(input);
  if (start.trimStart().startsWith('{')) return readNdjson(input);
  return input.fail(
    'a dump: "#" or "!" as gdbm_dump begins, "VERSION=3" as db_dump does, or "{" of a line of JSON',
    input.whatIsHere(),
  );
}
