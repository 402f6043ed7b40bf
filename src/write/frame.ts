import type { AvailElement } from '../format/avail.js';
import { encodeAvailBlock, headerAvailSize } from '../format/avail.js';
import { bucketElementCount } from '../format/bucket.js';
import { encodeDirectory } from '../format/directory.js';
import {
  encodeExtendedHeader,
  encodeHeader,
  extendedHeaderOffset,
  headerAvailOffset,
} from '../format/header.js';
import { maxOffset, offsetSize, magicOf } from '../format/format.js';
import type { BuildSpec } from './spec.js';
import { BuildError } from './spec.js';
import type { Sink } from './sink.js';
import { Appender } from './sink.js';

/** libgdbm does not list free space of so few bytes. */
const IGNORED_SIZE = 4;

/**
 * What is around the records and buckets of a fresh database: blocks filled up, the directory, and at last the header.
 * Until {@link close} the sink holds no valid database, so nothing half-done can be taken for one.
 */
export class Frame {
  readonly out: Appender;
  readonly #sink: Sink;
  readonly #spec: BuildSpec;
  readonly #free: AvailElement[] = [];

  constructor(sink: Sink, spec: BuildSpec) {
    this.#sink = sink;
    this.#spec = spec;
    this.out = new Appender(sink, spec.blockSize);
  }

  /** @throws BuildError if offsets of the format do not reach so far */
  requireOffset(end: number): void {
    const { layout } = this.#spec.format;
    const limit = maxOffset(layout);
    if (end > limit) {
      throw new BuildError(
        `expected a database of at most ${limit} bytes for ${layout.offsetBits}-bit offsets, ` +
          `found records that need ${end}`,
      );
    }
  }

  /** Fills the last block, with at least so many bytes, and lists what was filled as free. */
  async fillBlock(atLeast: number): Promise<void> {
    const av_adr = this.out.position;
    await this.out.append(new Uint8Array(atLeast));
    const av_size = atLeast + (await this.out.align(this.#spec.blockSize));
    // libgdbm believes no free space before the first bucket could be.
    if (av_size > IGNORED_SIZE && av_adr >= this.#spec.bucketSize) this.#free.push({ av_size, av_adr });
  }

  /**
   * Writes the directory and, last, the header.
   *
   * @returns bytes of the file
   */
  async close(directory: Float64Array): Promise<number> {
    const { format, blockSize } = this.#spec;
    const offset = this.out.position;
    this.requireOffset(offset + directory.length * offsetSize(format.layout) + 2 * blockSize);
    await this.out.append(encodeDirectory(directory, format.layout, format.byteOrder));
    // libgdbm refuses a file that ends with its directory.
    await this.fillBlock(1);
    await this.out.flush();
    const size = this.out.position;
    await this.#sink.write(0, this.#headerBlock(offset, Math.log2(directory.length), size));
    return size;
  }

  #headerBlock(dir: number, dirBits: number, size: number): Uint8Array {
    const { format, blockSize, bucketSize, numsync } = this.#spec;
    const { layout, byteOrder } = format;
    const block = new Uint8Array(blockSize);
    const header = {
      magic: magicOf(format),
      block_size: blockSize,
      dir,
      dir_size: offsetSize(layout) * 2 ** dirBits,
      dir_bits: dirBits,
      bucket_size: bucketSize,
      bucket_elems: bucketElementCount(layout, bucketSize),
      next_block: size,
    };
    block.set(encodeHeader(header, layout, byteOrder));
    if (format.variant === 'numsync') {
      const extended = encodeExtendedHeader({ version: 0, numsync: numsync ?? 0 }, layout, byteOrder);
      block.set(extended, extendedHeaderOffset(layout));
    }
    const avail = {
      size: headerAvailSize(format, blockSize),
      count: this.#free.length,
      next_block: 0,
      table: this.#free.sort((a, b) => a.av_size - b.av_size),
    };
    encodeAvailBlock(avail, layout, byteOrder, block, headerAvailOffset(format));
    return block;
  }
}
