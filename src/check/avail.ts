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
import { headerAvailOffset } from '../format/header.js';
import type { Database } from '../database/database.js';
import type { Finding } from './finding.js';
import { finding } from './finding.js';

/** Where an avail block is. */
export interface AvailPlace {
  /** File offset of the avail block. */
  readonly offset: number;
  /** Bytes of the block. */
  readonly bytes: number;
}

/** What following the avail chain gave: the header's own block first. */
export interface AvailChain {
  readonly blocks: readonly AvailPlace[];
  readonly findings: readonly Finding[];
}

/** The most findings one table gives; a wrecked one has thousands of wrong entries. */
const FINDINGS_PER_TABLE = 8;

/**
 * Follows the chain of avail blocks from the header, with each table's entries checked.
 *
 * @param visitFree gets each entry that lies inside the file
 */
export async function checkAvailChain(
  db: Database,
  visitFree: (free: AvailElement) => void = () => {},
): Promise<AvailChain> {
  const { source, format, geometry } = db;
  const findings: Finding[] = [];
  const blocks: AvailPlace[] = [];
  const start = headerAvailOffset(format);
  if (db.headerLost) return { blocks, findings };
  if (start + availBlockStruct(format.layout).size > source.size) return { blocks, findings };

  const headerSize = headerAvailSize(format, geometry.blockSize);
  let offset = start;
  let bytes = geometry.blockSize - start;
  const seen = new Set<number>();
  let chained = 0;
  for (;;) {
    seen.add(offset);
    const available = Math.min(bytes, source.size - offset);
    const block = await source.read(offset, available);
    const head = decodeAvailHead(block, format.layout, format.byteOrder);
    if (offset === start && head.size !== headerSize) {
      findings.push(finding('avail-size', offset, `size ${head.size}`, headerSize));
    }
    const room = Math.floor(
      (available - availTableOffset(format.layout)) / availElementStruct(format.layout).size,
    );
    const size = offset === start ? Math.min(headerSize, room) : room;
    if (!(head.count >= 0 && head.count <= size && (offset === start || head.size > 1))) {
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
    checked.free.forEach(visitFree);

    const next = head.next_block;
    if (next === 0) break;
    bytes = chainedAvailBytes(format.layout, headerSize);
    // Blocks that lie on each other are found by their place; so many that they must, by their sum.
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
        ),
      );
      break;
    }
    offset = next;
  }
  return { blocks, findings };
}

/**
 * Checks the entries of one table of free space as libgdbm does: each at `bucket_size` or later, and its end
 * not after `next_block`.
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
  // With next_block itself damaged, the file's size is what is left to go by.
  const end = !db.headerLost && db.header.next_block > 0 ? db.header.next_block : source.size;
  const findings: Finding[] = [];
  const free: AvailElement[] = [];
  let sorted = true;
  table.forEach((entry, i) => {
    const { av_adr, av_size } = entry;
    if (av_adr >= geometry.bucketSize && av_size >= 0 && av_adr + av_size <= end) {
      if (av_adr + av_size <= source.size) free.push(entry);
    } else if (findings.length < FINDINGS_PER_TABLE) {
      findings.push(
        finding(
          code,
          at + i * availElementStruct(format.layout).size,
          `free space of ${av_size} bytes at ${av_adr}`,
          `a range inside ${geometry.bucketSize} to ${end}`,
        ),
      );
    }
    if (i > 0 && av_size < table[i - 1].av_size) sorted = false;
  });
  if (!sorted) findings.push(finding('avail-unsorted', at, 'entries out of order', 'ordered by size'));
  return { free, findings };
}
