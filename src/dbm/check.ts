import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { DumpError, HELD_LINE, Input } from '../exchange/input.js';
import { DUMB_BLOCK, parseDumbLine } from './dumb.js';
import type { DbmCheck, DbmCheckOptions } from './kind.js';
import { unknownBecause } from './kind.js';
import { checkSqlite } from './sqlite.js';
import type { FoundDbm } from './which.js';

/**
 * Checks a database that is not GDBM. Writes nothing beside it, and takes no lock.
 *
 * @param found what `whichDbm` found; its GDBM file is not checked here
 * @throws NodeJS.ErrnoException if a file cannot be read
 */
export async function checkDbm(found: FoundDbm, options: DbmCheckOptions = {}): Promise<DbmCheck> {
  switch (found.kind) {
    case 'dbm.sqlite3':
      return checkSqlite(found, options);
    case 'dbm.dumb':
      return checkDumb(found);
    case 'berkeley-db':
    case 'ndbm':
      return unknownBecause('its records cannot be read here');
    default:
      return unknownBecause('it is no other database');
  }
}

/** Bytes of NAME.dat, at most: a bit for each block takes 16 MiB then. A sparse one takes next to no room on the disk. */
const LARGEST_DATA = 2 ** 36;

/**
 * Checks that each line of the index leads into NAME.dat, that no two values share a block of it, and that the index has
 * not lost lines that the older one has.
 */
async function checkDumb({ files: [dat, ...others] }: FoundDbm): Promise<DbmCheck> {
  const damaged = (problem: string): DbmCheck => ({
    verdict: 'damaged',
    records: undefined,
    problems: [problem],
  });
  const dir = others.find((path) => path.endsWith('.dir'));
  if (dir === undefined) {
    return damaged(
      `its index ${dat.replace(/dat$/, 'dir')} is gone, and only the older one ${others[0]} is there`,
    );
  }
  const { size: dataSize } = await stat(dat);
  if (dataSize > LARGEST_DATA) return unknownBecause(`${dat} has ${dataSize} bytes, too many to look at`);
  const blocks = new BlockSet(dataSize);
  const bak = others.find((path) => path.endsWith('.bak'));
  const input = new Input(createReadStream(dir));
  const keys = new Set<string>();
  let records = 0;
  try {
    for (;;) {
      const line = await input.takeLine(HELD_LINE);
      if (line === undefined) break;
      const entry = parseDumbLine(line);
      records++;
      if (entry === undefined) return damaged(`line ${records} of ${dir} is no key with its place`);
      const { pos, size } = entry;
      if (bak !== undefined) keys.add(keyName(entry.key));
      if (pos + size > dataSize) {
        return damaged(
          `line ${records} of ${dir} leads to bytes ${pos} to ${pos + size} of ${dat}, which has ${dataSize}`,
        );
      }
      if (!blocks.take(pos, size)) {
        return damaged(`line ${records} of ${dir} leads to a place of ${dat} that an earlier line has`);
      }
    }
    if (bak === undefined) {
      if (records > 0 || dataSize === 0) return { verdict: 'sound', records, problems: [] };
      return damaged(`${dir} is empty, and no line leads to the ${dataSize} bytes of ${dat}`);
    }
    const { missing, shared } = await olderKeys(bak, keys, blocks);
    if (missing <= MOST_DELETED) return { verdict: 'sound', records, problems: [] };
    const lost = `${dir} has ${records} keys and lacks ${missing} keys of the older index ${bak}; Python leaves at most one such key`;
    const isJoined = keys.size > shared;
    return { ...damaged(lost), ...(isJoined && { isJoined }) };
  } catch (error) {
    if (error instanceof DumpError) return damaged(`${dir}: ${error.message.replace(/\.$/, '')}`);
    throw error;
  }
}

/** Keys that NAME.bak has and NAME.dir lacks, at most: Python renames the index and writes a new one at every deletion. */
const MOST_DELETED = 1;

/**
 * Compares the older index with the keys of the newer one. Its lines are read up to the first that is none.
 *
 * @param blocks those that values of the newer index have: an older line that leads there is out of date
 */
async function olderKeys(
  bak: string,
  keys: ReadonlySet<string>,
  blocks: BlockSet,
): Promise<{ missing: number; shared: number }> {
  const input = new Input(createReadStream(bak));
  let [missing, shared] = [0, 0];
  try {
    for (;;) {
      const line = await input.takeLine(HELD_LINE);
      const entry = line && parseDumbLine(line);
      if (entry === undefined) break;
      if (keys.has(keyName(entry.key))) shared++;
      else if (blocks.areFree(entry.pos, entry.size)) missing++;
    }
  } catch (error) {
    if (!(error instanceof DumpError)) throw error;
  }
  return { missing, shared };
}

/** The blocks of NAME.dat that values have. */
class BlockSet {
  readonly #bits: Uint8Array;

  constructor(dataSize: number) {
    this.#bits = new Uint8Array(Math.ceil(dataSize / DUMB_BLOCK / 8) + 1);
  }

  /** Takes the blocks of a value; false if one is taken. A value that does not begin with a block takes none. */
  take(pos: number, size: number): boolean {
    if (pos % DUMB_BLOCK !== 0) return true;
    if (!this.areFree(pos, size)) return false;
    const end = Math.ceil((pos + size) / DUMB_BLOCK);
    for (let block = pos / DUMB_BLOCK; block < end; block++) this.#bits[block >> 3] |= 1 << (block & 7);
    return true;
  }

  /** True if no value has one of the blocks. */
  areFree(pos: number, size: number): boolean {
    const end = Math.min(Math.ceil((pos + size) / DUMB_BLOCK), this.#bits.length * 8);
    for (let block = Math.floor(pos / DUMB_BLOCK); block < end; block++) {
      if ((this.#bits[block >> 3] & (1 << (block & 7))) !== 0) return false;
    }
    return true;
  }
}

/** Bytes of a key that is remembered as it is; of a longer one a hash is. */
const SHORT_KEY = 32;

/** A key, to be remembered: Python holds all keys of a dbm.dumb in memory, too. */
export function keyName(key: Uint8Array): string {
  if (key.length < SHORT_KEY) return Buffer.from(key).toString('latin1');
  return createHash('sha256').update(key).digest('base64');
}
