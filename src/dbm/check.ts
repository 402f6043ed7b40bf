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

/** Checks that each line of the index leads into NAME.dat, and that no two values share a block of it. */
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
  const blocks = new BlockSet(dataSize);
  const input = new Input(createReadStream(dir));
  let records = 0;
  try {
    for (;;) {
      const line = await input.takeLine(HELD_LINE);
      if (line === undefined) return { verdict: 'sound', records, problems: [] };
      const entry = parseDumbLine(line);
      records++;
      if (entry === undefined) return damaged(`line ${records} of ${dir} is no key with its place`);
      const { pos, size } = entry;
      if (pos + size > dataSize) {
        return damaged(
          `line ${records} of ${dir} leads to bytes ${pos} to ${pos + size} of ${dat}, which has ${dataSize}`,
        );
      }
      if (!blocks.take(pos, size)) {
        return damaged(`line ${records} of ${dir} leads to a place of ${dat} that an earlier line has`);
      }
    }
  } catch (error) {
    if (error instanceof DumpError) return damaged(`${dir}: ${error.message.replace(/\.$/, '')}`);
    throw error;
  }
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
    const end = Math.ceil((pos + size) / DUMB_BLOCK);
    for (let block = pos / DUMB_BLOCK; block < end; block++) {
      const bit = 1 << (block & 7);
      if ((this.#bits[block >> 3] & bit) !== 0) return false;
      this.#bits[block >> 3] |= bit;
    }
    return true;
  }
}
