import type { Opened } from '../examine.js';
import type { MachineName } from '../format/machines.js';
import type { RecordLoss } from '../read/records.js';
import { keptRecords } from '../read/records.js';
import type { Source } from '../source/source.js';
import { passChunks } from '../source/source.js';
import type { AsciiHead } from './ascii.js';
import { asciiWriter } from './ascii.js';
import { base64Length, encodeBase64, RecentView } from './base64.js';
import { binaryWriter, lengthFormOf } from './binary.js';
import { csvWriter } from './csv.js';
import type { Glob } from './glob.js';
import type { DumpReader, LargeRecord } from './input.js';
import { DumpError, LONGEST_KEY } from './input.js';
import { ndjsonWriter } from './ndjson.js';

/** The result of a dump. */
export interface Dumped extends RecordLoss {
  /** Records that were written. */
  written: number;
}

/** Bytes that are written at once. */
const FLUSH = 1 << 20;
/** Bytes of a piece of a large key or value: whole lines of base64, and whole groups of three. */
const DUMP_PIECE = 57 * 4096;

/**
 * Writes one form of dump. A key or value begins, comes in one piece or in several of {@link DUMP_PIECE} bytes and a
 * last one, and ends.
 */
export interface DumpWriter {
  head(out: OutputBuffer): void;
  begin(out: OutputBuffer, which: 'key' | 'value', size: number): void;
  /** @param whole whether it is the only piece */
  piece(out: OutputBuffer, bytes: Uint8Array, from: number, to: number, whole: boolean): void;
  end(out: OutputBuffer, which: 'key' | 'value'): void;
  /**
   * Writes a whole record, if that is quicker than its parts: the key from `from` to `keyEnd`, the value from there
   * to `end`.
   */
  record?(out: OutputBuffer, bytes: Uint8Array, from: number, keyEnd: number, end: number): void;
  /** @param count records that were written */
  tail(out: OutputBuffer, count: number): void;
}

/** `ascii` and `binary` are gdbm_dump's forms; `ndjson` has a line of JSON for each record. */
export type DumpForm = 'ndjson' | 'ascii' | 'binary' | 'csv';

/**
 * The writer of each form.
 *
 * @param machine whose gdbm_load is to read a binary dump
 */
const WRITERS: Readonly<Record<DumpForm, (head: AsciiHead, machine: MachineName) => DumpWriter>> = {
  ndjson: () => ndjsonWriter(),
  ascii: (head) => asciiWriter(head),
  binary: (_, machine) => binaryWriter(lengthFormOf(machine)),
  csv: () => csvWriter(),
};

export const DUMP_FORMS = Object.keys(WRITERS) as readonly DumpForm[];

/** @throws RangeError if there is no such form */
export function writerOf(form: DumpForm, head: AsciiHead, machine: MachineName): DumpWriter {
  if (!DUMP_FORMS.includes(form))
    throw new RangeError(`expected as form one of ${DUMP_FORMS.join(', ')}, found "${String(form)}"`);
  return WRITERS[form](head, machine);
}

/**
 * Every record of a database as a dump, in the order in which libgdbm walks. The pieces share memory: each is valid until
 * the next is asked for.
 *
 * @param wanted selects keys; without it all records are written
 * @param dumped counts the records that were written, and those that could not be given
 */
export async function* dumpPieces(
  opened: Opened,
  writer: DumpWriter,
  wanted?: Glob,
  dumped: Dumped = noneDumped(),
): AsyncGenerator<Uint8Array> {
  const out = new OutputBuffer();
  writer.head(out);
  for await (const { source, count, bytes, starts, offsets, keySizes, dataSizes } of keptRecords(opened, {
    loss: dumped,
  })) {
    for (let i = 0; i < count; i++) {
      const from = starts[i];
      const keyEnd = from + keySizes[i];
      if (from < 0) {
        const keyAt = offsets[i];
        if (wanted !== undefined && !wanted(await readKey(source, keyAt, keySizes[i]))) continue;
        yield* writeLarge(out, writer, source, 'key', keyAt, keySizes[i]);
        yield* writeLarge(out, writer, source, 'value', keyAt + keySizes[i], dataSizes[i]);
      } else {
        if (wanted !== undefined && !wanted(bytes.subarray(from, keyEnd))) continue;
        writeSmall(out, writer, bytes, from, keyEnd, keyEnd + dataSizes[i]);
      }
      dumped.written++;
      if (out.used >= FLUSH) yield out.take();
    }
  }
  writer.tail(out, dumped.written);
  if (out.used > 0) yield out.take();
}

/** The counts before a dump. */
export function noneDumped(): Dumped {
  return { written: 0, records: 0, incomplete: false };
}

/**
 * Records of a dump, or of a database that is not GDBM, as a dump.
 *
 * @param wanted selects keys; without it all records are written
 * @param dumped counts the records that were written
 */
export async function* dumpBatches(
  batches: DumpReader['batches'],
  writer: DumpWriter,
  wanted?: Glob,
  dumped: Dumped = noneDumped(),
): AsyncGenerator<Uint8Array> {
  const out = new OutputBuffer();
  writer.head(out);
  for await (const batch of batches) {
    if (!('count' in batch)) {
      if (wanted !== undefined && !wanted(batch.key)) continue;
      yield* writePassing(out, writer, batch);
      dumped.written++;
      continue;
    }
    const { count, bytes, keySizes, dataSizes } = batch;
    for (let i = 0, at = 0; i < count; i++) {
      const [from, keyEnd] = [at, at + keySizes[i]];
      at = keyEnd + dataSizes[i];
      if (wanted !== undefined && !wanted(bytes.subarray(from, keyEnd))) continue;
      writeSmall(out, writer, bytes, from, keyEnd, at);
      dumped.written++;
      if (out.used >= FLUSH) yield out.take();
    }
  }
  writer.tail(out, dumped.written);
  if (out.used > 0) yield out.take();
}

/** Writes a record whose value goes by in pieces, in pieces of {@link DUMP_PIECE} bytes. */
async function* writePassing(
  out: OutputBuffer,
  writer: DumpWriter,
  { key, dataSize, pieces }: LargeRecord,
): AsyncGenerator<Uint8Array> {
  if (dataSize === undefined) throw new DumpError('expected a value whose size is known, found one without.');
  writer.begin(out, 'key', key.length);
  writer.piece(out, key, 0, key.length, true);
  writer.end(out, 'key');
  writer.begin(out, 'value', dataSize);
  const held = new Uint8Array(DUMP_PIECE);
  let used = 0;
  let skipped = 0;
  for await (const piece of pieces) {
    let at = Math.min(piece.length, key.length - skipped);
    skipped += at;
    while (at < piece.length) {
      const part = piece.subarray(at, at + DUMP_PIECE - used);
      held.set(part, used);
      used += part.length;
      at += part.length;
      if (used < DUMP_PIECE) break;
      writer.piece(out, held, 0, used, used === dataSize);
      used = 0;
      if (out.used >= FLUSH) yield out.take();
    }
  }
  if (used > 0 || dataSize === 0) writer.piece(out, held, 0, used, used === dataSize);
  writer.end(out, 'value');
}

async function* writeLarge(
  out: OutputBuffer,
  writer: DumpWriter,
  source: Source,
  which: 'key' | 'value',
  offset: number,
  size: number,
): AsyncGenerator<Uint8Array> {
  writer.begin(out, which, size);
  for await (const piece of passChunks(source, offset, size, DUMP_PIECE)) {
    writer.piece(out, piece, 0, piece.length, piece.length === size);
    if (out.used >= FLUSH) yield out.take();
  }
  if (size === 0) writer.piece(out, new Uint8Array(0), 0, 0, true);
  writer.end(out, which);
}

function writeSmall(
  out: OutputBuffer,
  writer: DumpWriter,
  bytes: Uint8Array,
  from: number,
  keyEnd: number,
  end: number,
): void {
  if (writer.record !== undefined) {
    writer.record(out, bytes, from, keyEnd, end);
    return;
  }
  writer.begin(out, 'key', keyEnd - from);
  writer.piece(out, bytes, from, keyEnd, true);
  writer.end(out, 'key');
  writer.begin(out, 'value', end - keyEnd);
  writer.piece(out, bytes, keyEnd, end, true);
  writer.end(out, 'value');
}

/**
 * Reads a key that must be held.
 *
 * @throws DumpError if it is too long for that: in a sparse file a key of 2 GiB takes no room on the disk
 */
export async function readKey(source: Source, offset: number, size: number): Promise<Uint8Array> {
  if (size > LONGEST_KEY) {
    throw new DumpError(
      `the key at offset ${offset} has ${size} bytes, more than the ${LONGEST_KEY} that are held of one here. ` +
        'dump writes it, in any form',
    );
  }
  return source.read(offset, size);
}

/** The bytes of a dump before they are written. */
export class OutputBuffer {
  bytes = new Uint8Array(1 << 20);
  /** The same memory. */
  view = new DataView(this.bytes.buffer);
  used = 0;
  readonly #from = new RecentView();

  /** A view of bytes that are to be encoded. */
  viewOf(bytes: Uint8Array): DataView {
    return this.#from.of(bytes);
  }

  /** The bytes so far, valid until more are added; the next ones begin anew. */
  take(): Uint8Array {
    const { used } = this;
    this.used = 0;
    return this.bytes.subarray(0, used);
  }

  /** Makes room for so many bytes. */
  reserve(count: number): void {
    if (this.used + count <= this.bytes.length) return;
    const bigger = new Uint8Array(Math.max((this.used + count) * 2, this.bytes.length * 2));
    bigger.set(this.bytes.subarray(0, this.used));
    this.bytes = bigger;
    this.view = new DataView(bigger.buffer);
  }

  text(text: string): void {
    // At most three bytes for each unit of a string.
    this.reserve(text.length * 3);
    this.used += new TextEncoder().encodeInto(text, this.bytes.subarray(this.used)).written;
  }

  /** Adds a few bytes: a view for them would take longer. */
  short(bytes: Uint8Array): void {
    const count = bytes.length;
    this.reserve(count);
    const { used } = this;
    for (let i = 0; i < count; i++) this.bytes[used + i] = bytes[i];
    this.used += count;
  }

  copy(bytes: Uint8Array, from: number, to: number): void {
    this.reserve(to - from);
    this.bytes.set(bytes.subarray(from, to), this.used);
    this.used += to - from;
  }

  base64(bytes: Uint8Array, from: number, to: number): void {
    this.reserve(base64Length(to - from));
    this.used = encodeBase64(this.viewOf(bytes), from, to, this.view, this.used);
  }

  /** Adds a whole number in decimal digits. */
  number(value: number): void {
    this.reserve(16);
    if (value < 1000) {
      // Most are: a quick way for them.
      const { bytes } = this;
      const hundreds = (value / 100) | 0;
      const tens = (value / 10) | 0;
      if (hundreds > 0) bytes[this.used++] = 0x30 + hundreds;
      if (tens > 0) bytes[this.used++] = 0x30 + tens - hundreds * 10;
      bytes[this.used++] = 0x30 + value - tens * 10;
      return;
    }
    let digits = 1;
    for (let power = 10; value >= power; power *= 10) digits++;
    for (let i = digits - 1, rest = value; i >= 0; i--) {
      this.bytes[this.used + i] = 0x30 + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    this.used += digits;
  }
}
