import { stat } from 'node:fs/promises';
import { asctime } from '../exchange/ascii.js';
import { readableDbm, withRecords } from '../dbm/records.js';
import type { DumpForm } from '../exchange/dump.js';
import { dumpBatches, dumpPieces, DUMP_FORMS, noneDumped, writerOf } from '../exchange/dump.js';
import { globOf } from '../exchange/glob.js';
import { readableWriter } from '../exchange/readable.js';
import { MACHINE_NAMES } from '../format/machines.js';
import { number, shellPath } from '../report/escape.js';
import { readAny, readText, valueJson } from '../report/value.js';
import { ownerOf, thisMachine } from '../service/machine.js';
import { refusal } from '../store/errors.js';
import { FreshFile } from '../store/fresh.js';
import { placeFile } from '../store/replace.js';
import { lossText, openDatabaseFile, openFileForReading, tellIfChanged } from './file.js';
import { defineCommand, file } from './options.js';
import type { ExitCode } from './terminal.js';
import { EXIT, packageVersion, print, tell } from './terminal.js';
import { runWork } from './work.js';

/** The forms, and gdbm_dump's numbers of two of them. */
const FORMATS = [...DUMP_FORMS, 'json', '0', '1'] as const;
const FORM_OF: Readonly<Record<string, DumpForm>> = { 0: 'binary', 1: 'ascii' };

/** Writes every record as a dump. */
export const command = defineCommand(
  (parser) =>
    parser
      .positional('file', file)
      .positional('output', { type: 'string', describe: 'Where to; - or nothing is stdout' })
      .options({
        format: {
          alias: 'H',
          choices: FORMATS,
          default: 'ndjson' as const,
          requiresArg: true,
          describe: 'The form; json shows values as data, only to read; 0 and 1 are binary and ascii',
        },
        keys: {
          type: 'string',
          requiresArg: true,
          coerce: (globs: string | string[]) => [globs].flat(),
          describe: 'Only keys that fit: * any bytes, ? a character, \\ takes the next as it is',
        },
        for: {
          choices: MACHINE_NAMES,
          requiresArg: true,
          describe: 'The kind of machine whose gdbm_load is to read a binary dump',
        },
      })
      .example('$0 dump flower.db --format ascii flower.dump', 'For gdbm_load')
      .example("$0 dump flower.db --keys 'task-*' > tasks.ndjson", 'Some keys, a line each'),
  async ({ file, output = '-', format, keys, for: machine }) => {
    const wanted = keys === undefined ? undefined : globOf(keys);
    const write = (pieces: AsyncIterable<Uint8Array>, signal?: AbortSignal) =>
      signal === undefined ? printAll(pieces) : writeInto(output, file, pieces, signal);
    const writerFor = async (path: string, variant: 'standard' | 'numsync') => {
      if (format === 'json') return readableWriter(readable);
      const head = {
        by: `gdbm-doctor ${await packageVersion()}`,
        date: asctime(new Date()),
        file,
        ...(await ownerOf(await stat(path))),
        variant,
      } as const;
      return writerOf(FORM_OF[format] ?? (format as DumpForm), head, machine ?? thisMachine() ?? 'amd64');
    };
    const run = (work: (signal?: AbortSignal) => Promise<ExitCode>) =>
      output === '-' ? work() : runWork({ path: file, doing: 'make it' }, work);
    const other = await readableDbm(file);
    if (other !== undefined) {
      const writer = await writerFor(other.files[0], 'standard');
      return run((signal) =>
        withRecords(
          file,
          other,
          async (batches) => {
            await write(dumpBatches(batches, writer, wanted), signal);
            return EXIT.ok;
          },
          signal,
        ),
      );
    }
    const source = await openDatabaseFile(file);
    try {
      const walk = await openFileForReading(source);
      const writer = await writerFor(file, walk.db.format.variant === 'numsync' ? 'numsync' : 'standard');
      return await run(async (signal) => {
        const dumped = noneDumped();
        await write(dumpPieces(walk, writer, wanted, dumped), signal);
        const { written, ...loss } = dumped;
        if (await tellIfChanged(file, source)) return EXIT.failed;
        const lost = lossText(loss);
        if (lost === undefined) return EXIT.ok;
        const saved = `the ${number(written)} that can be had were written`;
        tell(`${file}: damaged: ${lost}; ${saved}. See: gdbm-doctor check ${shellPath(file)}`);
        return EXIT.damaged;
      });
    } finally {
      await source.close();
    }
  },
);

/** A key as a text, whatever it looks like, and a value as the data that it is. */
function readable(bytes: Uint8Array, which: 'key' | 'value'): string {
  return valueJson(bytes, which === 'key' ? readText(bytes) : readAny(bytes));
}

async function printAll(pieces: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const piece of pieces) await print(piece);
}

/** Writes a dump of a database to a file, which gets its name only once it is whole. */
async function writeInto(
  output: string,
  database: string,
  pieces: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const fresh = await FreshFile.createBeside(output, signal);
  try {
    for await (const piece of pieces) await fresh.write(fresh.size, piece);
    // As a shell's > would make it, but for nobody who cannot read the database.
    const { mode } = await stat(database).catch(() => ({ mode: 0o600 }));
    await fresh.handle.chmod(mode & 0o666 & ~process.umask());
    await fresh.sync();
    await placeFile(fresh, output);
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) throw refusal(error, output, 'write it');
    throw error;
  } finally {
    await fresh.close();
  }
}
