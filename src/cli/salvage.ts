import { openRegularFile } from '../api/checkedfile.js';
import type { Found } from '../api/salvage.js';
import { carveFound, findAll, isListed } from '../api/salvage.js';
import type { CheckResult } from '../check/check.js';
import { identifySource, isDeclared } from '../database/identify.js';
import { jsonText, shellPath } from '../report/escape.js';
import { statementText } from '../report/text.js';
import { carveUnknown } from '../salvage/carved.js';
import { visitKeys } from '../salvage/read.js';
import type { FileSource } from '../source/file.js';
import { RefusedError } from '../store/errors.js';
import { tellIfChanged } from './file.js';
import { decodeKey, defineCommand, expectKey, file, hash, json } from './options.js';
import { EXIT, print, progressLine, tell } from './terminal.js';
import { SalvageList } from './salvagelist.js';
import { statementNow, withEvidence } from './statement.js';
import type { ExitCode } from './terminal.js';

/** Lists every record that is still in a file, how it was found and where it is; never writes. */
export const command = defineCommand(
  (parser) =>
    parser
      .positional('file', file)
      .options({
        deleted: {
          type: 'boolean',
          default: false,
          describe: 'Also what was deleted or replaced, what overwrote it, and how sure it is',
        },
        carve: {
          type: 'boolean',
          default: false,
          describe: 'Also values that only their own shape tells: Python pickles',
        },
        'expect-key': expectKey,
        hash: {
          ...hash,
          describe: 'SHA-256 of the file before and after, and of each value; how it was made',
        },
        json: { ...json, describe: 'A line of JSON for each record' },
      })
      .example('$0 salvage broken.db', 'What is there, wherever it is')
      .example('$0 salvage --carve --expect-key events flower.db', 'Values whose elements are gone')
      .example('$0 salvage --deleted --json case.db > records.ndjson', 'For an examiner'),
  async ({ file, deleted, carve, expectKey = [], hash, json }) => {
    const expectKeys = expectKey.map((key) => decodeKey(key, 'utf8'));
    const options = { file, deleted, carve, expectKeys, hash, json };
    const { result: exit, evidence } = await withEvidence(file, hash, () => salvageFile(options));
    if (hash) {
      const statement = await statementNow(evidence);
      await print(json ? `${jsonText({ kind: 'statement', ...statement })}\n` : statementText(statement));
    }
    return exit;
  },
);

interface SalvageOptions {
  readonly file: string;
  readonly deleted: boolean;
  readonly carve: boolean;
  readonly expectKeys: readonly Uint8Array[];
  readonly hash: boolean;
  readonly json: boolean;
}

async function salvageFile(options: SalvageOptions): Promise<ExitCode> {
  const { file } = options;
  const source = await openRegularFile(file, true);
  const progress = progressLine();
  try {
    const exit = await salvageSource(source, options, progress);
    await tellIfChanged(file, source);
    return exit;
  } finally {
    progress.end();
    await source.close();
  }
}

async function salvageSource(
  source: FileSource,
  options: SalvageOptions,
  progress: ReturnType<typeof progressLine>,
): Promise<ExitCode> {
  const { file, deleted } = options;
  const found = await findAll(source, { deleted, report: progress.report });
  progress.end();
  if (found === undefined) {
    const other = await identifySource(source, file);
    if (options.carve && !isDeclared(other)) return listCarved(source, options, progress);
    const what = other.kind === 'image' ? other.what : 'nothing of one';
    throw new RefusedError(
      'io',
      `${file}: expected a GDBM database, found ${what}. See: gdbm-doctor check ${shellPath(file)}`,
    );
  }
  tellImage(file, found.checked);
  return listAll(options, progress, found);
}

/** Warns if the file is an image with the database in it. */
function tellImage(file: string, { image }: CheckResult): void {
  if (image === undefined) return;
  const { found, offset } = image.finding;
  tell(`${file}: ${found}. What is listed is of the one at ${offset}.`);
}

/** Lists the values that only their shape tells, of a file that is not recognised as a database. */
async function listCarved(
  source: FileSource,
  options: SalvageOptions,
  progress: ReturnType<typeof progressLine>,
): Promise<ExitCode> {
  const list = new SalvageList({ source, missing: 0, fault: undefined, rearrangement: undefined }, options);
  const finds = await carveUnknown(source, options.expectKeys, (done, all) =>
    progress.report('looking for values by their shape', done, all),
  );
  progress.end();
  for (const one of finds) await list.carved(one);
  await list.end(0);
  return EXIT.ok;
}

async function listAll(
  options: SalvageOptions,
  progress: ReturnType<typeof progressLine>,
  found: Found,
): Promise<ExitCode> {
  const { deleted, carve, expectKeys } = options;
  const { db, records, unproved = [], old } = found;
  const list = new SalvageList(db, options);
  await visitKeys(db.source, records, (record, key) => list.record(record, key));
  for (const one of unproved) await list.unproved(one);
  for (const one of old ?? []) {
    if (isListed(one, deleted)) await list.old(one);
  }
  if (carve) {
    const finds = await carveFound(found, expectKeys, (done, all) =>
      progress.report('looking for values by their shape', done, all),
    );
    for (const one of finds) await list.carved(one);
    progress.end();
  }
  await list.end(old?.dropped ?? 0);
  return EXIT.ok;
}
