import { stat } from 'node:fs/promises';
import { asciiWriter } from '../exchange/asciiwriter.js';
import type { Dumped } from '../exchange/dump.js';
import { dump } from '../exchange/dump.js';
import { globOf } from '../exchange/glob.js';
import type { MachineName } from '../format/machines.js';
import { lengthFormOf } from '../exchange/binaryreader.js';
import { thisMachine } from '../service/machine.js';
import type { DumpWriter } from '../exchange/output.js';
import { binaryWriter, csvWriter, ndjsonWriter } from '../exchange/writers.js';
import { FreshFile } from '../store/fresh.js';
import { placeFile } from '../store/replace.js';
import { refusal } from '../store/errors.js';
import { number } from '../report/number.js';
import type { FileSource } from '../source/file.js';
import { shellPath } from '../report/shellword.js';
import type { ExitCode } from './exit.js';
import { EXIT } from './exit.js';
import { tellIfChanged } from './atrest.js';
import { openDatabaseFile, openFileForWalk } from './file.js';
import { lossText } from './loss.js';
import { ownerOf } from './owner.js';
import { making } from './put.js';
import { print, tell } from './terminal.js';
import { packageVersion } from './version.js';

export interface DumpArguments {
  readonly file: string;
  /** `-` or undefined is stdout. */
  readonly output: string | undefined;
  /** `0` and `1` are `gdbm_dump`'s other names of `binary` and `ascii`. */
  readonly format: 'ndjson' | 'ascii' | 'binary' | 'csv' | '0' | '1';
  readonly keys: readonly string[] | undefined;
  readonly machine: MachineName | undefined;
}

/** Writes every record as a dump. */
export async function dumpCommand(args: DumpArguments): Promise<number> {
  const { file, output } = args;
  const source = await openDatabaseFile(file);
  try {
    const walk = await openFileForWalk(source);
    const { variant } = walk.db.format;
    const writer = await writerFor(args, variant === 'numsync' ? 'numsync' : 'standard');
    const wanted = args.keys === undefined ? undefined : globOf(args.keys);
    if (output === undefined || output === '-')
      return await ended(file, source, await dump(walk, writer, print, wanted));
    return await making(file, async (signal) =>
      ended(file, source, await dumpInto(output, signal, (write) => dump(walk, writer, write, wanted))),
    );
  } finally {
    await source.close();
  }
}

/** Writes a dump to a file of its own, which has its name only once it is whole. */
async function dumpInto(
  output: string,
  signal: AbortSignal,
  writeDump: (write: (bytes: Uint8Array) => Promise<void>) => Promise<Dumped>,
): Promise<Dumped> {
  const fresh = await FreshFile.createBeside(output, signal);
  try {
    const dumped = await writeDump((bytes) => fresh.write(fresh.size, bytes));
    // As open or closed as a shell's > would make it.
    await fresh.handle.chmod(0o666 & ~process.umask());
    await fresh.sync();
    await placeFile(fresh, output);
    return dumped;
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) throw refusal(error, output, 'write it');
    throw error;
  } finally {
    await fresh.close();
  }
}

async function ended(file: string, source: FileSource, dumped: Dumped): Promise<ExitCode> {
  if (await tellIfChanged(file, source)) return EXIT.failed;
  const lost = lossText(dumped);
  if (lost === undefined) return EXIT.ok;
  const written = `the ${number(dumped.written)} that can be had were written`;
  tell(`${file}: damaged: ${lost}; ${written}. See: gdbm-doctor check ${shellPath(file)}`);
  return EXIT.damaged;
}

async function writerFor(
  { file, format, machine }: DumpArguments,
  variant: 'standard' | 'numsync',
): Promise<DumpWriter> {
  if (format === 'ndjson') return ndjsonWriter();
  if (format === 'csv') return csvWriter();
  if (format === 'binary' || format === '0')
    return binaryWriter(lengthFormOf(machine ?? thisMachine() ?? 'amd64'));
  const by = `gdbm-doctor ${await packageVersion()}`;
  return asciiWriter({ by, date: asctime(new Date()), file, ...(await ownerOf(await stat(file))), variant });
}

/** As C's asctime: `Tue Nov  3 20:45:00 2026`. */
function asctime(date: Date): string {
  const [day, month, , year] = date.toDateString().split(' ');
  const time = date.toTimeString().slice(0, 8);
  return `${day} ${month} ${String(date.getDate()).padStart(2)} ${time} ${year}`;
}
