import { stat } from 'node:fs/promises';
import { checkDatabase } from '../check/check.js';
import { open } from '../examine.js';
import { PART_BATCH } from '../read/batch.js';
import { copyInto, requireSound, whyTooLarge, targetFor, whyImpossible } from '../exchange/load.js';
import { allRecords } from '../read/records.js';
import type { WantedFormat } from '../exchange/load.js';
import { describeFormat } from '../format/format.js';
import { MACHINE_NAMES } from '../format/machines.js';
import type { PutOptions } from '../store/replace.js';
import { putFile, readBack } from '../store/replace.js';
import { safeSentence, shellPath } from '../report/escape.js';
import { RefusedError } from '../store/errors.js';
import { openDatabaseFile } from './file.js';
import { defineCommand, file, locking, notStream } from './options.js';
import type { ExitCode } from './terminal.js';
import { EXIT, printReport, tell } from './terminal.js';
import { runWork } from './work.js';

/** The format of a database that is made. */
export const formatOptions = {
  for: { choices: MACHINE_NAMES, requiresArg: true, describe: 'The kind of machine that is to read it' },
  'byte-order': { choices: ['little', 'big'] as const, requiresArg: true, describe: 'Byte order' },
  offset: { choices: [32, 64] as const, requiresArg: true, describe: 'Bits of a file offset' },
  alignment: { choices: [4, 8] as const, requiresArg: true, describe: 'Of 64-bit offsets, in bytes' },
  'hash-char': {
    choices: ['signed', 'unsigned'] as const,
    requiresArg: true,
    describe: "What C's char is there; decides the hash of keys that are not ASCII",
  },
  variant: {
    choices: ['standard', 'numsync'] as const,
    requiresArg: true,
    describe: 'numsync counts its syncs; Python cannot open such a file by shelve',
  },
  'block-size': { alias: 'b', type: 'number', requiresArg: true, describe: 'Bytes, a power of two from 512' },
} as const;

/** The place of a database that is made. */
export const putOptions = {
  replace: {
    alias: 'r',
    type: 'boolean',
    default: false,
    describe: 'Replace a file that is there; it stays as NAME.~1~',
  },
  ...locking,
} as const;

export const formatIsPossible = (wanted: WantedFormat) => whyImpossible(wanted) ?? true;

/** Writes a database as another kind of machine would have written it. */
export const command = defineCommand(
  (parser) =>
    parser
      .positional('file', file)
      .positional('output', { type: 'string', demandOption: true, describe: 'The new database' })
      .options({ ...formatOptions, ...putOptions })
      .check(formatIsPossible)
      .check(({ output }) => notStream(output))
      .example('$0 convert --for arm64 amd64.db arm64.db', 'To take along to another machine')
      .example('$0 convert --variant standard a.db b.db', 'For shelve, which knows no numsync'),
  async ({ file, output, for: machine, ...wanted }) =>
    runWork({ path: file, doing: 'make it' }, (signal) =>
      convert(file, output, { ...wanted, machine }, signal),
    ),
);

/**
 * Writes a sound database in another format, and reports it.
 *
 * @throws RefusedError, or what a read or a write throws; nothing was changed
 */
export async function convert(
  file: string,
  output: string,
  wanted: WantedFormat & Omit<PutOptions, 'signal'>,
  signal: AbortSignal,
): Promise<ExitCode> {
  const source = await openDatabaseFile(file);
  try {
    const opened = await open(source);
    if (opened === undefined) return await source.refuse();
    const { db, survey } = opened;
    const checked = opened.checked ?? (await checkDatabase(db, survey));
    if (checked.verdict !== 'healthy') {
      tell(
        `${file}: expected a sound database, found a damaged one; nothing was written. Run: gdbm-doctor repair ${shellPath(file)}`,
      );
      return EXIT.damaged;
    }
    const { hashChar } = checked.format;
    const target = targetFor(wanted, {
      format: db.format,
      // No key tells the hash flavour, so that each is found by either.
      hashChar: hashChar === 'undetermined' ? 'signed' : hashChar,
      blockSize: db.geometry.blockSize,
      numsync: db.extended?.numsync,
    });
    const tooLarge = whyTooLarge(target, checked.records.bytes);
    if (tooLarge !== undefined) throw new RefusedError('io', `${file}: ${tooLarge}; nothing was written.`);
    const before = await stat(file);
    const { backup, notes } = await putFile(output, { ...wanted, signal }, async (fresh) => {
      const built = await copyInto(allRecords(opened, { limits: PART_BATCH }), fresh, target);
      await fresh.whileSyncing(async () => requireSound(await readBack(fresh, signal), built));
      const after = await stat(file);
      if (
        built.records !== checked.records.count ||
        after.mtimeMs !== before.mtimeMs ||
        after.size !== before.size
      ) {
        throw new RefusedError(
          'changed',
          `${file}: expected it at rest, found that a program wrote to it; try again.`,
        );
      }
      return before;
    });
    for (const note of notes) tell(note);
    const kept = backup === undefined ? '' : `; as it was: ${backup}`;
    const kind = `${describeFormat(target.spec.format)}, hash of ${target.hashChar} char`;
    await printReport(safeSentence(`${output}: ${checked.records.count} records, ${kind}${kept}`) + '\n');
    return EXIT.ok;
  } finally {
    await source.close();
  }
}
