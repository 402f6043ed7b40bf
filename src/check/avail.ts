import type { Database } from '../database/database.js';
import type { AvailElement } from '../format/avail.js';
import {
  availBlockStruct,
  availElementStruct,
  availTableOffset,
  chainedAvailBytes,
  decodeAvailHead,
  decodeAvailTable,
  headerAvailSize,
} from '../format/avail.js';
import type { Header } from '../format/header.js';
import { headerAvailOffset } from '../format/header.js';
import type { Finding, FindingCode } from './finding.js';
import { finding } from './finding.js';
import { explainedByNextBlock } from './header.js';

/** Place of an avail block. */
interface AvailPlace {
  /** File offset of the avail block. */
  readonly offset: number;
  /** Bytes of the block. */
  readonly bytes: number;
}

/** Result of following the avail chain; the header's own block comes first. */
export interface AvailChain {
  readonly blocks: readonly AvailPlace[];
  readonly findings: readonly Finding[];
}

/**
 * Follows the chain of avail blocks from the header, with each table's entries checked.
 *
 * @param visitFree gets each entry that lies inside the file, and the file offset of its avail block
 */
export async function checkAvailChain(
  db: Database,
  visitFree: (free: AvailElement, block: number) => void = () => {},
): Promise<AvailChain> {
  const { source, format, geometry } = db;
  const findings: Finding[] = [];
  const blocks: AvailPlace[] = [];
  const start = headerAvailOffset(format);
  if (db.headerLost) return { blocks, findings };
  if (start + availBlockStruct(format.layout).size > source.size) return { blocks, findings };

  const headerSize = headerAvailSize(format, geometry.blockSize);
  let offset = start;
  /** The block that leads to this one. */
  let from = start;
  let bytes = geometry.blockSize - start;
  const seen = new Set<number>();
  let chained = 0;
  for (;;) {
    seen.add(offset);
    const available = Math.min(bytes, source.size - offset);
    const block = await source.read(offset, available);
    const head = decodeAvailHead(block, format.layout, format.byteOrder);
    if (head.size !== headerSize) {
      if (offset !== start) {
        // libgdbm gives each block of a chain the size of the header's: the pointer leads to something else.
        const found = `next_block ${offset}, where a block of size ${head.size} is`;
        findings.push(finding('avail-chain', from, found, `0 or an avail block of size ${headerSize}`));
        break;
      }
      findings.push(finding('avail-size', offset, `size ${head.size}`, headerSize));
    }
    const room = Math.floor(
      (available - availTableOffset(format.layout)) / availElementStruct(format.layout).size,
    );
    const size = offset === start ? Math.min(headerSize, room) : room;
    if (!(head.count >= 0 && head.count <= size)) {
      findings.push(
        finding('avail-count', offset, `count ${head.count} of size ${head.size}`, `0 to ${size}`),
      );
      blocks.push({ offset, bytes: available });
      break;
    }
    const tableAt = availTableOffset(format.layout);
    const table = decodeAvailTable(block, tableAt, head.count, format.layout, format.byteOrder);
    const checked = checkAvailTable(db, table, offset + tableAt, 'avail-entry');
    findings.push(...checked.findings);
    blocks.push({ offset, bytes: available });
    for (const free of checked.free) visitFree(free, offset);

    const next = head.next_block;
    if (next === 0) break;
    bytes = chainedAvailBytes(format.layout, headerSize);
    // A block that comes twice is found by its place. Overlapping blocks are found by their sum, when it exceeds the
    // file.
    chained += bytes;
    if (seen.has(next) || chained > source.size) {
      findings.push(
        finding(
          'avail-loop',
          offset,
          `next_block ${next}, ${seen.has(next) ? 'which came before' : 'more blocks than the file has room for'}`,
          'an end, 0',
        ),
      );
      break;
    }
    if (!(next >= geometry.blockSize && next + bytes <= source.size)) {
      findings.push(
        finding(
          'avail-chain',
          offset,
          `next_block ${next}`,
          `0 or a block of ${bytes} bytes inside the file of ${source.size}`,
          next >= geometry.blockSize ? explainedByNextBlock(db, next + bytes) : undefined,
        ),
      );
      break;
    }
    from = offset;
    offset = next;
  }
  return { blocks, findings };
}

/**
 * Checks the entries of one table of free space as libgdbm does: each begins at `bucket_size` or later, and ends at
 * `next_block` or before. If `next_block` is below the file's size, it is wrong itself, and entries are checked
 * against the file's size. Entries that libgdbm refuses because of it are its consequence.
 *
 * @param at file offset of the table
 */
export function checkAvailTable(
  db: Database,
  table: readonly AvailElement[],
  at: number,
  code: 'avail-entry' | 'bucket-avail',
): { free: AvailElement[]; findings: Finding[] } {
  const { geometry, format, source } = db;
  const nextBlock = db.headerLost ? source.size : db.header.next_block;
  const end = Math.max(source.size, nextBlock);
  const free: AvailElement[] = [];
  const wrong: number[] = [];
  const beyond: number[] = [];
  let sorted = true;
  table.forEach(({ av_adr, av_size }, i) => {
    if (i > 0 && av_size < table[i - 1].av_size) sorted = false;
    const last = av_adr + av_size;
    if (!(av_adr >= geometry.bucketSize && av_size >= 0 && last <= end)) {
      wrong.push(i);
      return;
    }
    if (last > nextBlock) beyond.push(i);
    if (last <= source.size) free.push(table[i]);
  });
  const findings: Finding[] = [];
  const report = (entries: readonly number[], limit: number, cause?: FindingCode) => {
    if (entries.length === 0) return;
    const [first] = entries;
    const { av_adr, av_size } = table[first];
    const many = entries.length === 1 ? '' : `${entries.length} of ${table.length} entries, the first `;
    const place = at + first * availElementStruct(format.layout).size;
    const found = `${many}free space of ${av_size} bytes at ${av_adr}`;
    findings.push(finding(code, place, found, `a range inside ${geometry.bucketSize} to ${limit}`, cause));
  };
  report(wrong, end);
  report(beyond, nextBlock, 'header-next-block-low');
  if (!sorted) findings.push(finding('avail-unsorted', at, 'entries out of order', 'ordered by size'));
  return { free, findings };
}

/** Tells whether libgdbm accepts an avail table. */
export function isTableValid(header: Header, table: readonly AvailElement[]): boolean {
  return table.every(
    ({ av_adr, av_size }) =>
      av_adr >= header.bucket_size && av_size >= 0 && av_adr + av_size <= header.next_block,
  );
}
