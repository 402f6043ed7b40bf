import { constants, openSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import { addAbortSignal } from 'node:stream';
import { checkDatabase } from '../check/check.js';
import { Lookup } from '../read/lookup.js';
import { open as openDatabase } from '../examine.js';
import { PART_BATCH } from '../read/batch.js';
import type { Loaded } from '../exchange/load.js';
import { copyAndLoad, load, requireSound, whyTooLarge, readDump, targetFor } from '../exchange/load.js';
import type { DumpHeader, DumpReader } from '../exchange/input.js';
import { allRecords } from '../read/records.js';
import { MACHINES } from '../format/machines.js';
import type { WantedRights } from '../store/replace.js';
import { putFile, readBack } from '../store/replace.js';
import { safeSentence, shellPath } from '../report/escape.js';
import { idOf, thisMachine } from '../service/machine.js';
import { fileSource } from '../source/file.js';
import { abortable } from '../source/source.js';
import { refusal, RefusedError } from '../store/errors.js';
import type { FreshFile } from '../store/fresh.js';
import type { HeldFile } from '../store/held.js';
import {
  formatFitsKind,
  formatIsPossible,
  formatOptions,
  putOptions,
  reportMade,
  toOption,
} from './convert.js';
import { makeDbm } from '../dbm/make.js';
import { defineCommand, notStream } from './options.js';
import { EXIT, printReport, tell } from './terminal.js';
import { runWork } from './work.js';
import type { Report } from '../source/sweep.js';

/** Makes a database of a dump, or adds its records to one. */
export const command = defineCommand(
  (parser) =>
    parser
      .positional('dump', { type: 'string', demandOption: true, describe: 'The dump; - is stdin' })
      .positional('output', {
        type: 'string',
        describe: 'The database; by default the name that is in the dump',
      })
      .options({
        to: toOption,
        ...formatOptions,
        ...putOptions,
        add: {
          type: 'boolean',
          default: false,
          describe: 'Add the records to a database that is there; it stays as NAME.~1~',
        },
        mode: { alias: 'm', type: 'string', requiresArg: true, describe: 'Permissions, in octal' },
        meta: { type: 'boolean', default: true, describe: 'Owner and mode as the dump says; or --no-meta' },
        duplicates: {
          choices: ['refuse', 'first'] as const,
          default: 'refuse' as const,
          requiresArg: true,
          describe: 'What to do with a key that comes again',
        },
      })
      .check(formatIsPossible)
      .check(formatFitsKind)
      .check(({ output }) => notStream(output))
      .check((args) => {
        if (!args.add) return true;
        const others = ['replace', 'mode', ...Object.keys(formatOptions)].filter((name) => args[name]);
        return (
          (others.length === 0 && args.output !== undefined && args.to === 'gdbm') ||
          'expected load --add DUMP FILE without --replace, --mode, --to and format options: FILE stays what it is'
        );
      })
      .check(({ mode }) => mode === undefined || /^[0-7]{3,4}$/.test(mode) || 'expected --mode in octal')
      .example('$0 load flower.dump flower.db', 'From gdbm_dump, ASCII or binary')
      .example('$0 dump a.db | $0 load - b.db', 'By a pipe')
      .example('$0 load --add a.db.quarantine.~1~ a.db', 'Bring back what was set aside'),
  async ({ dump, output, to, add, mode, meta, duplicates, for: machine, ...wanted }) =>
    runWork({ path: dump, doing: 'make it' }, async (signal, progress) => {
      let opened: OpenDump | undefined;
      try {
        opened = await openDump(dump, signal, progress.report);
        const reader = await readDump(opened.pieces);
        const { header } = reader;
        const path = output ?? nameIn(header, dump);
        const rights = () =>
          ownerAndMode(meta ? header : undefined, mode === undefined ? undefined : parseInt(mode, 8));
        if (to !== 'gdbm') {
          const made = { ...wanted, duplicates, signal };
          return await reportMade(path, to, await makeDbm(to, path, reader.batches, await rights(), made));
        }
        const { byteOrder, layout, hashChar } = MACHINES[machine ?? thisMachine() ?? 'amd64'];
        const format = { byteOrder, layout, variant: header.variant ?? 'standard' } as const;
        const target = targetFor({ ...wanted, machine }, { format, hashChar, blockSize: 0 });
        let records = 0;
        let existing = 0;
        const options = { ...wanted, replace: wanted.replace || add, signal };
        const { backup, notes } = await putFile(path, options, async (fresh, held) => {
          let built: Loaded;
          if (add) {
            if (held === undefined) throw refusal({ code: 'ENOENT' }, path, 'add to it');
            const added = await addTo(held, reader, fresh, duplicates, signal);
            existing = added.existing;
            built = added;
          } else built = await load(reader, fresh, target, duplicates);
          await fresh.whileSyncing(async () => requireSound(await readBack(fresh, signal), built));
          records = built.records;
          return rights();
        });
        for (const note of notes) tell(note);
        const kept = backup === undefined ? '' : `; as it was: ${backup}`;
        const skipped = existing === 0 ? '' : `, ${existing} of the dump not added, as their keys are there`;
        const what = add ? `${records} records now${skipped}` : `${records} records loaded`;
        await printReport(safeSentence(`${path}: ${what}${kept}`) + '\n');
        return EXIT.ok;
      } catch (error) {
        throw error instanceof Error && 'syscall' in error ? refusal(error, dump, 'read it') : error;
      } finally {
        await opened?.close();
      }
    }),
);

/** A dump that is being read. */
interface OpenDump {
  readonly pieces: AsyncIterable<Uint8Array>;
  readonly close: () => Promise<void>;
}

/**
 * Opens a dump. A read of a pipe waits for its writer, so a pipe is read as a stream, which the signal ends. A thread that
 * waits in read(2) cannot be ended, and the process would wait for it.
 */
async function openDump(path: string, signal: AbortSignal, report: Report | undefined): Promise<OpenDump> {
  let stream: Readable | undefined;
  if (path === '-') stream = process.stdin;
  else if ((await stat(path)).isFIFO()) {
    // Without O_NONBLOCK open(2) itself would wait for the writer; the stream does it instead.
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    stream = new Socket({ fd, readable: true, writable: false });
  }
  if (stream !== undefined) {
    const pipe = addAbortSignal(signal, stream);
    return {
      pieces: pipe as AsyncIterable<Uint8Array>,
      close: async () => {
        pipe.destroy();
      },
    };
  }
  const handle = await open(path);
  const { size } = await handle.stat();
  return { pieces: piecesOf(handle, (done) => report?.('loading', done, size)), close: () => handle.close() };
}

/** Bytes of a piece of a dump. */
const PIECE = 1 << 18;

/** Reads a file in order into buffers that are used again; reads the next piece while the caller has one. */
async function* piecesOf(handle: FileHandle, report: (done: number) => void): AsyncGenerator<Uint8Array> {
  // The caller may still hold the last piece, and the next one is being read.
  const buffers = [0, 1, 2].map(() => new Uint8Array(PIECE));
  const read = (turn: number) => {
    const reading = handle.read(buffers[turn % 3], 0, PIECE, null);
    // Nobody awaits the next piece of a dump that was refused.
    reading.catch(() => {});
    return reading;
  };
  let ahead = read(0);
  let done = 0;
  for (let turn = 0; ; turn++) {
    const { bytesRead } = await ahead;
    if (bytesRead === 0) return;
    ahead = read(turn + 1);
    report((done += bytesRead));
    yield buffers[turn % 3].subarray(0, bytesRead);
  }
}

/** Returns the file's name in a dump, never its path: the dump's author could name any file. */
function nameIn({ file }: DumpHeader, dump: string): string {
  const name = file === undefined ? '' : basename(file);
  if (name !== '' && name !== '.' && name !== '..') return name;
  throw new RefusedError(
    'io',
    `${dump}: expected the database's name in it, found none. Name it: load ${dump} DB`,
  );
}

async function ownerAndMode(header: DumpHeader | undefined, mode: number | undefined): Promise<WantedRights> {
  const uid = (header?.user !== undefined ? await idOf('passwd', header.user) : undefined) ?? header?.uid;
  const gid = (header?.group !== undefined ? await idOf('group', header.group) : undefined) ?? header?.gid;
  const bits = mode ?? header?.mode;
  return {
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
    ...(bits !== undefined && { mode: bits }),
  };
}

/**
 * Writes a fresh database of the same format, with the records of a held one and those of a dump whose keys it lacks.
 *
 * @throws RefusedError if the held file is no sound database
 * @throws DumpError if the dump is malformed
 */
async function addTo(
  held: HeldFile,
  reader: DumpReader,
  fresh: FreshFile,
  duplicates: 'refuse' | 'first',
  signal: AbortSignal,
): Promise<Loaded & { existing: number }> {
  const source = abortable(await fileSource(held.handle), signal);
  const opened = await openDatabase(source);
  const checked = opened && (opened.checked ?? (await checkDatabase(opened.db, opened.survey)));
  if (opened === undefined || checked?.format === undefined || checked.verdict !== 'healthy') {
    throw new RefusedError(
      'io',
      `${held.path}: nothing can be added, because it is not a sound database. ` +
        `See: gdbm-doctor check ${shellPath(held.path)}`,
    );
  }
  const { db } = opened;
  const { hashChar } = checked.format;
  const target = targetFor(
    {},
    {
      format: db.format,
      // No key tells the hash flavour; this machine's libgdbm must find the added keys.
      hashChar: hashChar === 'undetermined' ? MACHINES[thisMachine() ?? 'amd64'].hashChar : hashChar,
      blockSize: db.geometry.blockSize,
      numsync: db.extended?.numsync,
    },
  );
  const tooLarge = whyTooLarge(target, checked.records.bytes);
  if (tooLarge !== undefined) throw new RefusedError('io', `${held.path}: ${tooLarge}; nothing was changed.`);
  const lookup = new Lookup(opened);
  const has = async (key: Uint8Array) => (await lookup.find(key)) !== undefined;
  const records = allRecords(opened, { limits: PART_BATCH });
  return copyAndLoad(records, has, reader, fresh, target, duplicates);
}
