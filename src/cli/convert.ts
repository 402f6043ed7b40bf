import { stat } from 'node:fs/promises';
import { checkDatabase } from '../check/check.js';
import type { Batches } from '../dbm/dict.js';
import type { Made, MadeKind } from '../dbm/make.js';
import { MADE_KINDS, makeDbm } from '../dbm/make.js';
import { batchesOf, readableDbm, withRecords } from '../dbm/records.js';
import { open } from '../examine.js';
import { PART_BATCH } from '../read/batch.js';
import { copyInto, load, requireSound, whyTooLarge, targetFor, whyImpossible } from '../exchange/load.js';
import { allRecords } from '../read/records.js';
import type { WantedFormat } from '../exchange/load.js';
import { describeFormat } from '../format/format.js';
import { MACHINE_NAMES, MACHINES } from '../format/machines.js';
import type { PutOptions } from '../store/replace.js';
import { putFile, readBack } from '../store/replace.js';
import { safeSentence, shellPath } from '../report/escape.js';
import { thisMachine } from '../service/machine.js';
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

/** The kind of database that is made; the options of GDBM's format are for no other kind. */
export const toOption = {
  choices: MADE_KINDS,
  default: 'gdbm' as const,
  requiresArg: true,
  describe: 'dbm.sqlite3 and dbm.dumb are those that Python opens without GDBM',
};

export const formatFitsKind = (args: Record<string, unknown>) => {
  const given = Object.keys(formatOptions).find((name) => args[name] !== undefined);
  return (
    args['to'] === 'gdbm' || given === undefined || `expected --to ${String(args['to'])} without --${given}`
  );
};

/** Writes a database as another kind of machine would have written it, or as another kind of database. */
export const command = defineCommand(
  (parser) =>
    parser
      .positional('file', file)
      .positional('output', { type: 'string', demandOption: true, describe: 'The new database' })
      .options({ to: toOption, ...formatOptions, ...putOptions })
      .check(formatIsPossible)
      .check(formatFitsKind)
      .check(({ output }) => notStream(output))
      .example('$0 convert --for arm64 amd64.db arm64.db', 'To take along to another machine')
      .example('$0 convert --to dbm.sqlite3 a.db b.db', 'For a Python without GDBM')
      .example('$0 convert --variant standard a.db b.db', 'For shelve, which knows no numsync'),
  async ({ file, output, to, for: machine, ...wanted }) =>
    runWork({ path: file, doing: 'make it' }, async (signal) => {
      const other = await readableDbm(file);
      if (other !== undefined) {
        return withRecords(
          file,
          other,
          (batches) => make(batches, other.files[0], output, { ...wanted, to, machine }, signal),
          signal,
        );
      }
      return convert(file, output, { ...wanted, to, machine }, signal);
    }),
);

/**
 * Makes a database of the records of one that is not GDBM.
 *
 * @param file its first file, whose owner and mode a new one gets
 */
async function make(
  batches: Batches,
  file: string,
  output: string,
  { to, ...wanted }: WantedFormat & { to: MadeKind } & Omit<PutOptions, 'signal'>,
  signal: AbortSignal,
): Promise<ExitCode> {
  const rights = await stat(file);
  const options = { ...wanted, signal, duplicates: 'refuse', source: file } as const;
  if (to !== 'gdbm') return reportMade(output, to, await makeDbm(to, output, batches, rights, options));
  const { byteOrder, layout, hashChar } = MACHINES[wanted.machine ?? thisMachine() ?? 'amd64'];
  const target = targetFor(wanted, {
    format: { byteOrder, layout, variant: 'standard' },
    hashChar,
    blockSize: 0,
  });
  let records = 0;
  const put = await putFile(output, options, async (fresh) => {
    const built = await load({ header: { kind: 'binary' }, batches }, fresh, target);
    await fresh.whileSyncing(async () => requireSound(await readBack(fresh, signal), built));
    records = built.records;
    return rights;
  });
  return reportMade(output, to, { records, ...put });
}

/** Prints the outcome of making a database. */
export async function reportMade(
  output: string,
  kind: string,
  { records, backup, notes }: Made,
): Promise<ExitCode> {
  for (const note of notes) tell(note);
  const kept = backup === undefined ? '' : `; as it was: ${backup}`;
  await printReport(safeSentence(`${output}: ${records} records, ${kind}${kept}`) + '\n');
  return EXIT.ok;
}

/**
 * Writes a sound database in another format, and reports it.
 *
 * @param report tells the user of the result
 * @throws RefusedError, or what a read or a write throws; nothing was changed
 */
export async function convert(
  file: string,
  output: string,
  { to = 'gdbm', ...wanted }: WantedFormat & { to?: MadeKind } & Omit<PutOptions, 'signal'>,
  signal: AbortSignal,
  report: typeof reportMade = reportMade,
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
    const before = await stat(file);
    const requireRest = async (records: number) => {
      const after = await stat(file);
      const isSame = after.mtimeMs === before.mtimeMs && after.size === before.size;
      if (records === checked.records.count && isSame) return;
      throw new RefusedError(
        'changed',
        `${file}: expected it at rest, found that a program wrote to it; try again.`,
      );
    };
    const limits = PART_BATCH;
    if (to !== 'gdbm') {
      const options = { ...wanted, signal, duplicates: 'refuse', source: file } as const;
      const made = await makeDbm(to, output, batchesOf(allRecords(opened, { limits })), before, {
        ...options,
        confirm: requireRest,
      });
      return await report(output, to, made);
    }
    const tooLarge = whyTooLarge(target, checked.records.bytes);
    if (tooLarge !== undefined) throw new RefusedError('io', `${file}: ${tooLarge}; nothing was written.`);
    const { backup, notes } = await putFile(output, { ...wanted, signal }, async (fresh) => {
      const built = await copyInto(allRecords(opened, { limits }), fresh, target);
      await fresh.whileSyncing(async () => requireSound(await readBack(fresh, signal), built));
      await requireRest(built.records);
      return before;
    });
    const kind = `${describeFormat(target.spec.format)}, hash of ${target.hashChar} char`;
    return await report(output, kind, { records: checked.records.count, backup, notes });
  } finally {
    await source.close();
  }
}
