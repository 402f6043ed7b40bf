import { constants, openSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import { addAbortSignal } from 'node:stream';
import type { Loaded } from '../exchange/load.js';
import { load, requireSound } from '../exchange/load.js';
import { MACHINES } from '../format/machines.js';
import { thisMachine } from '../service/machine.js';
import { readDump } from '../exchange/readdump.js';
import type { DumpHeader } from '../exchange/record.js';
import type { WantedFormat } from '../exchange/wanted.js';
import { targetFor } from '../exchange/target.js';
import type { Dress, PutOptions } from '../put.js';
import { putFile, readBack } from '../put.js';
import { RefusedError, refusal } from '../store/errors.js';
import { addTo } from './addto.js';
import { EXIT } from './exit.js';
import { collectGarbage } from './heap.js';
import { idOf } from './owner.js';
import { making } from './put.js';
import { printReport, tell } from './terminal.js';
import { safeSentence } from '../report/escape.js';

export interface LoadArguments extends Omit<PutOptions, 'signal'>, WantedFormat {
  /** `-` is stdin. */
  readonly dump: string;
  /** The name in the dump's head, in the working directory, where it is left out. */
  readonly output: string | undefined;
  /** Permission bits. */
  readonly mode: number | undefined;
  /** Whether owner and mode come from the dump's head. */
  readonly meta: boolean;
  readonly duplicates: 'refuse' | 'first';
  /** Adds the records to a database that is there, instead of making one. */
  readonly add: boolean;
}

/** Builds a database of a dump. */
export async function loadCommand(args: LoadArguments): Promise<number> {
  const { dump, output, meta, duplicates, add } = args;
  return making(dump, async (signal) => {
    let opened: OpenDump | undefined;
    try {
      opened = await openDump(dump, signal);
      const reader = await readDump(opened.pieces);
      const path = output ?? namedIn(reader.header, dump);
      const machine = args.machine ?? thisMachine() ?? 'amd64';
      const { byteOrder, layout, hashChar } = MACHINES[machine];
      const format = { byteOrder, layout, variant: reader.header.variant ?? 'standard' } as const;
      const target = targetFor(args, { format, hashChar, blockSize: 0 });
      let records = 0;
      let existing = 0;
      const replace = args.replace || add;
      const { backup, notes } = await putFile(path, { ...args, replace, signal }, async (fresh, held) => {
        let built: Loaded;
        if (add) {
          if (held === undefined) throw refusal({ code: 'ENOENT' }, path, 'add to it');
          const added = await addTo(held, reader, fresh, duplicates, signal);
          existing = added.existing;
          built = added;
        } else built = await load(reader, fresh, target, duplicates);
        collectGarbage();
        await fresh.whileSyncing(async () => requireSound(await readBack(fresh, signal), built));
        records = built.records;
        return dressOf(meta ? reader.header : undefined, args.mode);
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
  });
}

/** A dump that is being read. */
interface OpenDump {
  readonly pieces: AsyncIterable<Uint8Array>;
  readonly close: () => Promise<void>;
}

/**
 * Opens a dump. A read of a pipe waits for its writer, so that one is read as a stream, which the signal ends; a thread that
 * waits in read(2) nothing ends, and the process would wait for it.
 */
async function openDump(path: string, signal: AbortSignal): Promise<OpenDump> {
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
  return { pieces: piecesOf(handle), close: () => handle.close() };
}

/** Bytes of a piece of a dump. */
const PIECE = 1 << 18;

/** A file's bytes in order: the next piece is read while one is looked at, into memory that is used again. */
async function* piecesOf(handle: FileHandle): AsyncGenerator<Uint8Array> {
  // Who looks at a piece may still hold the last one, and the one after it is being read.
  const buffers = [0, 1, 2].map(() => new Uint8Array(PIECE));
  const read = (turn: number) => {
    const reading = handle.read(buffers[turn % 3], 0, PIECE, null);
    // Where the dump is refused before, nobody waits for this one.
    reading.catch(() => {});
    return reading;
  };
  let ahead = read(0);
  for (let turn = 0; ; turn++) {
    const { bytesRead } = await ahead;
    if (bytesRead === 0) return;
    ahead = read(turn + 1);
    yield buffers[turn % 3].subarray(0, bytesRead);
  }
}

/** Never a path out of a dump: it is another's to write, and could name anything. */
function namedIn({ file }: DumpHeader, dump: string): string {
  const name = file === undefined ? '' : basename(file);
  if (name !== '' && name !== '.' && name !== '..') return name;
  throw new RefusedError(
    'io',
    `${dump}: expected the database's name in it, found none. Name it: load ${dump} DB`,
  );
}

async function dressOf(header: DumpHeader | undefined, mode: number | undefined): Promise<Dress> {
  const uid = (header?.user !== undefined ? await idOf('passwd', header.user) : undefined) ?? header?.uid;
  const gid = (header?.group !== undefined ? await idOf('group', header.group) : undefined) ?? header?.gid;
  const bits = mode ?? header?.mode;
  return {
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
    ...(bits !== undefined && { mode: bits }),
  };
}
