/** A malformed dump. The message has the place, the expected text and the found one. */
export class DumpError extends Error {
  override readonly name = 'DumpError';
}

const NEWLINE = 0x0a;

/**
 * The bytes of a dump, as they come: a piece is held, and more is fetched when it is asked for. Knows line and
 * column. Bytes before `pos` have been used.
 */
export class Input {
  /** Bytes `pos` to before `end` of it are there. */
  bytes: Uint8Array = new Uint8Array(0);
  pos = 0;
  end = 0;
  /** Offset in the input of the first byte of `bytes`. */
  #base = 0;
  /** The line of `pos`, from 1 on. */
  line = 1;
  /** The line that was taken last. */
  #taken = 1;
  #lineStart = 0;
  #ended = false;
  readonly #pieces: AsyncIterator<Uint8Array>;

  /** @param pieces each may be memory that is used again, but not before two more were given */
  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** Offset in the input of the next byte. */
  get offset(): number {
    return this.#base + this.pos;
  }

  /** Fetches a piece more; false at the end. */
  async more(): Promise<boolean> {
    while (!this.#ended) {
      const next = await this.#pieces.next();
      if (next.done) {
        this.#ended = true;
        break;
      }
      const piece = next.value;
      if (piece.length === 0) continue;
      const left = this.end - this.pos;
      this.#base += this.pos;
      if (left === 0) {
        this.bytes = piece;
        this.end = piece.length;
      } else this.#join(piece, left);
      this.pos = 0;
      return true;
    }
    return false;
  }

  /**
   * Keeps what is left and adds a piece; the room grows by doubling, so that a long line costs no more than twice it.
   */
  #join(piece: Uint8Array, left: number): void {
    const size = left + piece.length;
    const room = Math.max(size, Math.min(size * 2, size + (64 << 20)));
    if (this.#own === this.bytes && this.bytes.length >= size && this.pos > 0) {
      this.bytes.copyWithin(0, this.pos, this.end);
    } else if (this.#own === this.bytes && this.bytes.length >= size) {
      // It is already at the front.
    } else {
      const joined = new Uint8Array(room);
      joined.set(this.bytes.subarray(this.pos, this.end));
      this.#own = joined;
      this.bytes = joined;
    }
    this.bytes.set(piece, left);
    this.end = size;
  }
  #own: Uint8Array | undefined;

  /** Fetches until so many bytes are there; false if the input ends before. */
  async need(count: number): Promise<boolean> {
    while (this.end - this.pos < count) if (!(await this.more())) return false;
    return true;
  }

  /** Notes that `pos` is now behind a newline. */
  newline(): void {
    this.line++;
    this.#lineStart = this.#base + this.pos;
  }

  /** Notes that all bytes before `pos` have been used, and so many lines with them. */
  takeLines(pos: number, lines: number): void {
    this.pos = pos;
    this.line += lines;
    this.#lineStart = this.#base + pos;
  }

  /**
   * Fetches the line at `pos` as far as it is no longer than so many bytes.
   *
   * @returns whether all of it is there
   */
  async hasLine(longest: number): Promise<boolean> {
    let searched = this.pos;
    for (;;) {
      const found = this.bytes.subarray(0, this.end).indexOf(NEWLINE, searched);
      if ((found < 0 ? this.end : found) - this.pos > longest) return false;
      if (found >= 0) return true;
      searched = this.end - this.pos;
      if (!(await this.more())) return true;
      searched += this.pos;
    }
  }

  /**
   * Takes a line without its end, a newline with or without a carriage return; undefined at the end of the input.
   * The bytes are good until more is asked for.
   *
   * @param longest bytes; a longer line is refused
   */
  async takeLine(longest: number): Promise<Uint8Array | undefined> {
    if (!(await this.hasLine(longest))) this.fail(`a line of at most ${longest} bytes`, 'a longer one');
    if (this.pos === this.end) return undefined;
    this.#taken = this.line;
    const found = this.bytes.subarray(0, this.end).indexOf(NEWLINE, this.pos);
    const line = this.bytes.subarray(this.pos, found < 0 ? this.end : found);
    if (found < 0) {
      this.pos = this.end;
      return line;
    }
    this.pos = found + 1;
    this.newline();
    return line.at(-1) === 0x0d ? line.subarray(0, -1) : line;
  }

  /** @throws DumpError about the byte at `pos` */
  fail(expected: string, found: string): never {
    const column = this.#base + this.pos - this.#lineStart + 1;
    throw new DumpError(`line ${this.line}, column ${column}: expected ${expected}, found ${found}.`);
  }

  /** @throws DumpError about a line: by default the one that was just taken */
  failLine(column: number, expected: string, found: string, line = this.#taken): never {
    throw new DumpError(`line ${line}, column ${column}: expected ${expected}, found ${found}.`);
  }

  /** @throws DumpError about a dump without lines */
  failAt(offset: number, expected: string, found: string): never {
    throw new DumpError(`offset ${offset} (0x${offset.toString(16)}): expected ${expected}, found ${found}.`);
  }

  /** The byte at `pos`, for an error message. */
  describeNext(): string {
    if (this.pos >= this.end) return 'the end of the input';
    const byte = this.bytes[this.pos];
    if (byte === NEWLINE) return 'the end of the line';
    return byte > 0x20 && byte < 0x7f
      ? `"${String.fromCharCode(byte)}"`
      : `a byte 0x${byte.toString(16).padStart(2, '0')}`;
  }
}

/** Records as they come out of a dump, many in one piece of memory. All is good until the next batch is asked for. */
export interface DumpBatch {
  readonly count: number;
  /** Each key, the value directly after it, and then the next record, from the beginning on. */
  readonly bytes: Uint8Array;
  /** Bytes of each key. */
  readonly keySizes: Int32Array;
  /** Bytes of each value. */
  readonly dataSizes: Int32Array;
}

/** A record whose value is too large to be held, so that it goes by in pieces. */
export interface LargeRecord {
  readonly key: Uint8Array;
  /** Bytes of the value; undefined where the dump tells only by its end. */
  readonly dataSize: number | undefined;
  /** The key and the value directly after it. */
  readonly pieces: AsyncIterable<Uint8Array>;
}

/** The facts that a dump has about its database. */
export interface DumpHeader {
  readonly kind: DumpKind;
  /** The name of the database. */
  readonly file?: string | undefined;
  readonly uid?: number | undefined;
  readonly user?: string | undefined;
  readonly gid?: number | undefined;
  readonly group?: string | undefined;
  /** Permission bits. */
  readonly mode?: number | undefined;
  readonly variant?: 'standard' | 'numsync' | undefined;
}

/** `bdb` is a dump of Berkeley DB's db_dump. */
type DumpKind = 'ascii' | 'binary' | 'ndjson' | 'bdb';

/** A dump that is being read. What is given is to be used before the next is asked for. */
export interface DumpReader {
  readonly header: DumpHeader;
  readonly batches: AsyncIterable<DumpBatch | LargeRecord>;
}

/** Values up to so many bytes are held whole; larger ones go by in pieces. */
export const HELD_VALUE = 1 << 20;
/**
 * Bytes of a key at most. A key is held whole, because its hash decides where the record goes, and a line of a dump
 * must not take the memory of a machine; 4 MiB is far more than any program has as a key.
 */
export const LONGEST_KEY = 4 << 20;
/**
 * Characters of a line that is held whole: enough for a key of that size, or for a value that is held, in
 * hexadecimal.
 */
export const HELD_LINE = 2 * LONGEST_KEY + 64;
/** Bytes of a piece of a large value. */
export const PIECE = 1 << 20;
/** Records of a batch at most, and bytes of their memory. */
const BATCH_RECORDS = 1 << 14;
const ARENA = 4 << 20;

/** Room for the records of a batch: one piece of memory for all, which is used again for the next. */
export class Arena implements DumpBatch {
  bytes = new Uint8Array(ARENA);
  used = 0;
  count = 0;
  readonly keySizes = new Int32Array(BATCH_RECORDS);
  readonly dataSizes = new Int32Array(BATCH_RECORDS);

  /** Makes room for so many bytes from `used` on; `bytes` may become other memory. */
  reserve(count: number): void {
    if (this.used + count <= this.bytes.length) return;
    const least = this.used + count;
    const bigger = new Uint8Array(Math.min(least * 2, least + (64 << 20)));
    bigger.set(this.bytes.subarray(0, this.used));
    this.bytes = bigger;
  }

  /** Notes that the last bytes are a record. */
  add(keySize: number, dataSize: number): void {
    this.keySizes[this.count] = keySize;
    this.dataSizes[this.count++] = dataSize;
  }

  /** Adds a whole record. */
  append(key: Uint8Array, value: Uint8Array): void {
    this.reserve(key.length + value.length);
    this.bytes.set(key, this.used);
    this.bytes.set(value, this.used + key.length);
    this.used += key.length + value.length;
    this.add(key.length, value.length);
  }

  /** True if the batch should end, so that its memory does not grow. */
  get isFull(): boolean {
    return this.used > ARENA / 2 || this.count === BATCH_RECORDS;
  }

  /** Starts over. Larger memory than usual is given back. */
  clear(): void {
    if (this.bytes.length > ARENA) this.bytes = new Uint8Array(ARENA);
    this.used = 0;
    this.count = 0;
  }
}
