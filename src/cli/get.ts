import { doubtfulIn } from '../check/doubtful.js';
import type { Database } from '../database/database.js';
import { mayBeCut } from '../database/database.js';
import type { FoundRecord } from '../database/lookup.js';
import { Lookup } from '../database/lookup.js';
import type { Searched } from '../examine.js';
import { equalBytes } from '../format/bytes.js';
import { escapeStart } from '../report/escape.js';
import { readSalvaged } from '../salvage/read.js';
import type { SalvagedBatch } from '../salvage/salvage.js';
import { salvage } from '../salvage/salvage.js';
import { readChunks } from '../source/source.js';
import { shellPath } from '../report/shellword.js';
import type { ExitCode } from './exit.js';
import { EXIT } from './exit.js';
import { withDatabase } from './file.js';
import type { KeyEncoding } from './grammar/keyencoding.js';
import { decodeKey } from './key.js';
import { print, tell } from './terminal.js';

export interface GetArguments {
  readonly file: string;
  readonly key: string;
  readonly encoding: KeyEncoding;
}

/** Writes one value raw to stdout. */
export async function getCommand({ file, key: text, encoding }: GetArguments): Promise<ExitCode> {
  const key = decodeKey(text, encoding);
  return withDatabase(file, async ({ db, isProved, examined }) => {
    let found = await new Lookup(db).find(key);
    if (found === undefined && !isProved) {
      const { survey } = await examined();
      found = await findByWalking(db, salvage(db, survey), key);
    }
    if (found === undefined) {
      tell(
        `${file}: expected the key "${escapeStart(key, 200)}", found none such. See: gdbm-doctor list ${shellPath(file)}`,
      );
      return EXIT.damaged;
    }
    const doubt = isProved ? undefined : await doubtAbout(await examined(), key, found);
    if (doubt !== undefined) {
      tell(
        `${file}: expected the value of the key "${escapeStart(key, 200)}", found that ${doubt}, so that it may not be what was ` +
          `stored. To see where it is: gdbm-doctor salvage ${shellPath(file)}`,
      );
      return EXIT.damaged;
    }
    for await (const piece of readChunks(db.source, found.valueOffset, found.valueSize)) await print(piece);
    return EXIT.ok;
  });
}

/** What speaks against a record that a lookup finds, so that a repair would not keep it. */
async function doubtAbout(
  { db, survey }: Searched,
  key: Uint8Array,
  { valueOffset, valueSize }: FoundRecord,
): Promise<string | undefined> {
  const [offset, length] = [valueOffset - key.length, key.length + valueSize];
  if (db.fault !== undefined && mayBeCut(db, offset, offset + length)) {
    const what = db.fault.missing > 0 ? 'bytes are missing from it' : 'bytes were put into it';
    return `${what} at offset ${db.fault.first}`;
  }
  switch ((await doubtfulIn(db, survey)).reasonOf(offset, length)) {
    case 'overreaching':
      return `its size of ${valueSize} bytes reaches into other data`;
    case 'unproved-place':
      return 'part of it lies in a block whose place nothing proves';
    case 'unreadable':
      return 'the disk cannot read some of its bytes';
    default:
      return undefined;
  }
}

/** In a damaged file a key may be there that no lookup finds. */
async function findByWalking(
  { source }: Database,
  records: AsyncIterable<SalvagedBatch>,
  key: Uint8Array,
): Promise<FoundRecord | undefined> {
  for await (const { record, bytes } of readSalvaged(source, records, 'key')) {
    const { offset, keySize, dataSize } = record;
    if (keySize !== key.length || !equalBytes(bytes ?? (await source.read(offset, keySize)), key)) continue;
    return { valueOffset: offset + keySize, valueSize: dataSize };
  }
  return undefined;
}
