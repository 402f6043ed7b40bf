import { identifySource } from '../database/identify.js';
import { magicMeaning, swap32 } from '../format/magic.js';
import type { Source } from '../source/source.js';
import { readUpTo } from '../source/source.js';
import type { ContentFacts } from './volumefacts.js';

/** Bytes looked at from the end on: enough to tell, and soon read. */
const MAX_TAIL = 1 << 24;
const PIECE = 1 << 16;

/**
 * Looks at a file's first and last bytes.
 *
 * @param name the file's name, a hint only
 * @throws SourceError if the source cannot be read
 */
export async function contentFacts(source: Source, name: string): Promise<ContentFacts> {
  const head = await readUpTo(source, 0, 4096);
  return {
    size: source.size,
    hasMagic: hasMagic(head),
    other: await identifySource(source, name),
    zeroTail: await zeroTail(source),
  };
}

function hasMagic(head: Uint8Array): boolean {
  if (head.length < 4) return false;
  const magic = new DataView(head.buffer, head.byteOffset).getUint32(0, true);
  return magicMeaning(magic) !== undefined || magicMeaning(swap32(magic)) !== undefined;
}

/** Counts the zero bytes at the end. */
async function zeroTail(source: Source): Promise<number> {
  let zeroes = 0;
  for (let end = source.size; end > 0 && zeroes < MAX_TAIL;) {
    const start = Math.max(0, end - PIECE);
    const bytes = await source.read(start, end - start);
    const last = bytes.findLastIndex((byte) => byte !== 0);
    zeroes += bytes.length - 1 - last;
    if (last >= 0) break;
    end = start;
  }
  return zeroes;
}
