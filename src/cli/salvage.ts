import { checkDatabase } from '../check/check.js';
import type { Searched } from '../examine.js';
import { placeNow } from '../database/database.js';
import { openSearched } from '../examine.js';
import { foundDatabase } from '../rebuild.js';
import { RefusedError } from '../replace/errors.js';
import { escapeStart } from '../report/escape.js';
import { statementText } from '../report/statementtext.js';
import type { SpaceAccount } from '../check/space.js';
import { carveValues } from '../salvage/carved.js';
import { salvageDeleted } from '../salvage/deleted.js';
import { readSalvaged } from '../salvage/read.js';
import type { SalvagedBatch } from '../salvage/salvage.js';
import { salvage } from '../salvage/salvage.js';
import { salvageStale } from '../salvage/stale.js';
import type { ExitCode } from './exit.js';
import { EXIT } from './exit.js';
import { openRegularFile } from './file.js';
import { progressLine } from './progress.js';
import { sha256OfRange, statementNow, withEvidence } from './statement.js';
import { Output, print } from './terminal.js';

export interface SalvageArguments {
  readonly file: string;
  readonly deleted: boolean;
  readonly carve: boolean;
  readonly expectKeys: readonly Uint8Array[];
  /** Whether the file and each value are hashed. */
  readonly hash: boolean;
  readonly json: boolean;
}

/** A key longer than this is shown by its beginning. */
const SHOWN_KEY = 1024;

/** Lists every record that is still in a file, with how it was found and where it is; never writes. */
export async function salvageCommand(options: SalvageArguments): Promise<ExitCode> {
  const { file, hash, json } = options;
  const { result: exit, evidence } = await withEvidence(file, hash, () => salvageFile(options));
  if (hash) {
    const statement = await statementNow(evidence);
    await print(json ? `${JSON.stringify({ kind: 'statement', ...statement })}\n` : statementText(statement));
  }
  return exit;
}

async function salvageFile(options: SalvageArguments): Promise<ExitCode> {
  const { file, deleted, json, hash } = options;
  const source = await openRegularFile(file);
  const progress = progressLine();
  try {
    const found = await openSearched(source, progress.report);
    if (found === undefined) {
      throw new RefusedError(
        'io',
        `${file}: expected a GDBM database, found nothing of one. See: gdbm-doctor check`,
      );
    }
    const { db, survey } = found;
    const checked = await checkDatabase(db, survey);
    progress.end();
    if (!foundDatabase(checked)) return EXIT.failed;
    const out = new Output();
    for await (const { record, bytes } of readSalvaged(db.source, everything(found, deleted), 'key')) {
      const { provenance, offset, keySize, dataSize, bucket, element } = record;
      const key = bytes ?? (await db.source.read(offset, keySize));
      const inForce = provenance !== 'stale' && provenance !== 'deleted';
      const overwritten = !inForce && checked.space.isUsed(offset, keySize + dataSize);
      const confidence = inForce
        ? 'proved'
        : overwritten
          ? 'low'
          : provenance === 'stale'
            ? 'high'
            : 'medium';
      // Where the file lost its beginning or blocks changed places, offsets are told as they are now.
      const now = placeNow(db, offset);
      if (json) {
        const length = keySize + dataSize;
        const place = { offset: now, length, keySize, valueSize: dataSize };
        const owner = { bucket: placeNow(db, bucket), element };
        const name = Buffer.from(key).toString('base64');
        const proof = { key: name, provenance, confidence, overwritten };
        const sum = hash && { valueSha256: await sha256OfRange(db.source, offset + keySize, dataSize) };
        await out.add(`${JSON.stringify({ kind: 'record', ...proof, ...place, ...owner, ...sum })}\n`);
      } else {
        const note = inForce
          ? ''
          : ` (confidence ${confidence}${overwritten ? ', overwritten in part' : ''})`;
        const size = String(dataSize).padStart(10);
        await out.add(
          `${provenance.padEnd(8)} ${size} bytes at ${now}  ${escapeStart(key, SHOWN_KEY)}${note}\n`,
        );
      }
    }
    if (options.carve) await listCarved(found, checked.space, options, out);
    await out.flush();
    return EXIT.ok;
  } finally {
    progress.end();
    await source.close();
  }
}

/** Values that no element knows: their key where one is known, and their place. */
async function listCarved(
  { db, survey }: Searched,
  space: SpaceAccount,
  { expectKeys, json, hash }: SalvageArguments,
  out: Output,
): Promise<void> {
  for (const { shape, offset, size, key, freed, before } of await carveValues(
    { db, survey, space },
    expectKeys,
  )) {
    const name = key === undefined ? undefined : await db.source.read(key.offset, key.size);
    const at = placeNow(db, key?.offset ?? offset);
    if (json) {
      const length = (key?.size ?? 0) + size;
      const place = { offset: at, length, keySize: key?.size ?? 0, valueSize: size };
      const owner = { bucket: null, element: null };
      const sum = hash && { valueSha256: await sha256OfRange(db.source, offset, size) };
      const confidence = key === undefined || freed ? 'low' : 'medium';
      const text = name === undefined ? null : Buffer.from(name).toString('base64');
      const line = {
        kind: 'value',
        key: text,
        provenance: 'carved',
        shape,
        confidence,
        overwritten: false,
        before,
        ...place,
        ...owner,
        ...sum,
      };
      await out.add(`${JSON.stringify(line)}\n`);
    } else {
      const shown = name === undefined ? `a ${shape}, key not known` : escapeStart(name, SHOWN_KEY);
      const note = freed ? ' (in free space)' : '';
      await out.add(`${'carved'.padEnd(8)} ${String(size).padStart(10)} bytes at ${at}  ${shown}${note}\n`);
    }
  }
}

async function* everything({ db, survey }: Searched, deleted: boolean): AsyncGenerator<SalvagedBatch> {
  yield* salvage(db, survey);
  for await (const batch of salvageStale(db, survey)) {
    yield batch.filter(({ provenance }) => deleted || provenance === 'stale');
  }
  if (deleted) yield* salvageDeleted(db, survey);
}
