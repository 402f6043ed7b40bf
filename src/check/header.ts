import type { Database } from '../database/database.js';
import { missingAtStart } from '../database/database.js';
import { directorySizeFor } from '../format/directory.js';
import { describeFormat, magicMeaning, magicOf, offsetSize } from '../format/format.js';
import type { Header } from '../format/header.js';
import { headerFieldsOf, headerStruct } from '../format/header.js';
import { member } from '../format/struct.js';
import { changesText } from '../source/transforms.js';
import type { Finding, FindingCode } from './finding.js';
import { finding } from './finding.js';

/**
 * Returns the finding of the header that explains why a range has an impossible end. The end is beyond the end of the
 * file, but not beyond `next_block`, which shows that the file was larger; or it is beyond a `next_block` that is
 * below the file's size. Returns undefined if the header explains nothing.
 */
export function explainedByNextBlock(
  { source, header, headerLost }: Database,
  end: number,
): FindingCode | undefined {
  if (headerLost) return undefined;
  if (end > source.size) return end <= header.next_block ? 'header-next-block-high' : undefined;
  return end > header.next_block ? 'header-next-block-low' : undefined;
}

/** Returns the findings for changes of all bytes of the file. */
function checkTransforms({ undone }: Database): Finding[] {
  if (undone === undefined) return [];
  const found = `a file of which ${changesText(undone.transforms)}`;
  return [finding('file-transformed', null, found, 'the bytes as they were written')];
}

/** Returns the findings for ranges that the disk cannot read; they were read as zeros. */
function checkUnreadable({ source }: Database): Finding[] {
  return (source.unreadable?.() ?? []).map(({ offset, length }) =>
    finding(
      'bytes-unreadable',
      offset,
      `${length} bytes that the disk cannot read`,
      'bytes that can be read',
    ),
  );
}

/** Returns the findings for bytes that are missing, were put in or moved. */
function checkLayout({ layout }: Database): Finding[] {
  if (layout === undefined) return [];
  const findings: Finding[] = [];
  const missing = layout.missingAtStart;
  if (missing !== 0) {
    const found = `${Math.abs(missing)} bytes too ${missing > 0 ? 'few' : 'many'}`;
    findings.push(finding('bytes-missing', 0, found, 'a file that begins with its header'));
  }
  for (const [n, { missing, first, last }] of layout.seams.entries()) {
    const place = first === last ? `${first}` : `a place from ${first} to ${last}`;
    if (missing !== 0) {
      const found = `${Math.abs(missing)} bytes too ${missing > 0 ? 'few' : 'many'} at ${place}`;
      findings.push(finding('bytes-missing', first, found, 'every byte at the offset that it had'));
    }
    const { start, at, length } = layout.pieces[n + 1];
    if (missing === 0 && start !== at) {
      const found = `the ${length} bytes that belong at ${start}`;
      findings.push(finding('block-moved', at, found, 'each block at its own place'));
    }
  }
  return findings;
}

/** Checks the header's fields against each other, the file's size and the rest of the file. */
export function checkHeader(db: Database): Finding[] {
  const { format, header, geometry, source } = db;
  const moved = [...checkTransforms(db), ...checkUnreadable(db), ...checkLayout(db)];
  if (missingAtStart(db) !== 0) return moved;
  if (db.headerLost) {
    const lost = finding('header-lost', 0, 'bytes that are no header', 'the header of a GDBM database');
    return [lost, ...moved];
  }
  const findings: Finding[] = [...moved];
  const struct = headerStruct(format.layout);
  const at = (field: keyof Header) => member(struct, field).offset;
  const hex = (value: number) => `0x${value.toString(16).padStart(8, '0')}`;

  const meaning = magicMeaning(header.magic);
  const { offsetBits } = format.layout;
  if (meaning?.variant !== format.variant || (meaning.offsetBits ?? offsetBits) !== offsetBits) {
    findings.push(
      finding('header-magic', 0, hex(header.magic), `${hex(magicOf(format))} (${describeFormat(format)})`),
    );
  }
  if (source.size < geometry.blockSize) {
    findings.push(
      finding('header-truncated', null, `${source.size} bytes`, `a block of ${geometry.blockSize} bytes`),
    );
  }

  const expected = headerFieldsOf(geometry, offsetSize(format.layout));
  const isInFile = (field: keyof Header) => {
    const { offset, size } = member(struct, field);
    return offset + size <= source.size;
  };
  const compare = (code: FindingCode, field: keyof Header) => {
    const value = expected[field];
    if (!isInFile(field)) return;
    if (value !== undefined && header[field] !== value) {
      findings.push(finding(code, at(field), `${field} ${header[field]}`, `${value}`));
    }
  };
  compare('header-block-size', 'block_size');
  compare('header-directory-offset', 'dir');
  compare('header-directory-size', 'dir_size');
  compare('header-directory-bits', 'dir_bits');
  compare('header-bucket-size', 'bucket_size');
  compare('header-bucket-elements', 'bucket_elems');

  // A new file's directory fills a block; it only ever grows.
  const smallest = directorySizeFor(format.layout, geometry.blockSize);
  if (geometry.directory !== undefined && geometry.directory.bits < smallest.bits) {
    findings.push(
      finding(
        'header-directory-size',
        at('dir_size'),
        `${2 ** geometry.directory.bits} entries`,
        `at least ${2 ** smallest.bits} for blocks of ${geometry.blockSize} bytes`,
      ),
    );
  }
  if (isInFile('next_block') && header.next_block !== source.size) {
    const low = header.next_block < source.size;
    findings.push(
      finding(
        low ? 'header-next-block-low' : 'header-next-block-high',
        at('next_block'),
        `next_block ${header.next_block}`,
        `the file's size, ${source.size}`,
      ),
    );
  }
  return findings;
}
