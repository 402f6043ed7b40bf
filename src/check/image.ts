import type { Database } from '../database/database.js';
import { missingAtStart, placeNow } from '../database/database.js';
import type { FoundDatabase } from '../database/databases.js';
import { MAX_DATABASES, databasesIn } from '../database/databases.js';
import { databasesText } from '../database/identify.js';
import type { Finding, FindingList } from './finding.js';
import { finding } from './finding.js';
import type { SpaceAccount } from './space.js';

/** A file that is more than its database: an image, an archive, or several databases one behind the other. */
export interface Image {
  /** End of the database that is read; an offset of the same kind as those of its records. */
  readonly end: number;
  readonly finding: Finding;
}

/** Size of the smallest database, in bytes: a header, a directory and a bucket, each of 512 bytes. */
const SMALLEST = 3 * 512;

/**
 * Looks for an image if a file is damaged, and adds the finding. A sound file explains its bytes, and is not
 * searched.
 */
export async function checkImage(
  db: Database,
  account: SpaceAccount,
  findings: FindingList,
): Promise<Image | undefined> {
  const image = findings.has('error') ? await findImage(db, account) : undefined;
  if (image !== undefined) findings.add([image.finding]);
  return image;
}

/**
 * Returns the image if a damaged file looks like one: other databases begin behind the end of this one, or the file
 * has bytes in front of it, and those together with the bytes behind it are more than its own. Bytes behind a
 * database that begins with the file are no sign by themselves: a writer that dies leaves a file longer than
 * `next_block`.
 *
 * @param account of every byte of the database
 * @throws SourceError if the source cannot be read
 */
async function findImage(db: Database, account: SpaceAccount): Promise<Image | undefined> {
  const { source, header, headerLost } = db;
  const before = Math.max(0, -missingAtStart(db));
  const stated = headerLost || header.next_block > source.size ? 0 : header.next_block;
  const end = Math.max(stated, usedEnd(account, source.size));
  const behind = source.size - end;
  if (before + behind < SMALLEST) return undefined;

  const others: FoundDatabase[] = [];
  for await (const one of databasesIn(source, { within: [{ offset: end, length: behind }] })) {
    others.push({ ...one, offset: placeNow(db, one.offset) });
    if (others.length === MAX_DATABASES - 1) break;
  }
  const isMostlyForeign = before > 0 && before + behind > end;
  if (others.length === 0 && !isMostlyForeign) return undefined;
  const databases = databasesText([before, ...others.map(({ offset }) => offset)]);
  const share = others.length > 0 ? '' : `, with ${before + behind} other bytes around it`;
  return {
    end,
    finding: finding(
      'image',
      before,
      `this looks like an image: ${databases}${share}`,
      'one database, from the first byte to the last',
    ),
  };
}

/** Returns the end of the last structure or record in force. */
function usedEnd({ unused }: SpaceAccount, size: number): number {
  const ranges = unused();
  const last = ranges.at(ranges.length - 1);
  return last !== undefined && last.offset + last.length === size ? last.offset : size;
}
