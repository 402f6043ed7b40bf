import { BucketPass, directoryRuns } from '../check/bucketreader.js';
import { openDatabase } from '../database/database.js';
import type { Source } from '../source/source.js';
import { passChunks } from '../source/source.js';

/** A fingerprint of records, which can be computed again from a file that has them directly behind each other. */
export interface Contents {
  /** Bytes of all keys and values. */
  readonly bytes: number;
  readonly fingerprint: string;
}

/**
 * A fingerprint of records that are stored directly behind each other: of all their bytes in order, and of where each
 * begins and its sizes, in any order. Four hashes of 32 bits, of two kinds. It tells whether what was written is what
 * came, not whether somebody meant to deceive.
 */
export class ContentsDigest {
  readonly #stream = new StreamDigest();
  #records = 0;
  #places = 0;
  #sizes = 0;
  #next = 0;

  /** Takes the next record's sizes. */
  takeSizes(keySize: number, dataSize: number): void {
    this.takePlace(this.#next, keySize, dataSize);
    this.#next += keySize + dataSize;
  }

  /** Takes the sizes of a record that begins so many bytes behind the beginning of the first. */
  takePlace(at: number, keySize: number, dataSize: number): void {
    const place = Math.imul(at | 0, 0x9e3779b1) ^ Math.imul((at / 2 ** 32) | 0, 0xc2b2ae35);
    let one = Math.imul(place ^ keySize, 0x85ebca6b);
    one = Math.imul(one ^ (one >>> 15) ^ dataSize, 0x27d4eb2f);
    this.#places = (this.#places + (one ^ (one >>> 13))) | 0;
    let other = Math.imul(keySize ^ Math.imul(dataSize, 0x165667b1), 0x9e3779b1);
    other = Math.imul(other ^ (other >>> 16) ^ place, 0xc2b2ae35);
    this.#sizes = (this.#sizes + (other ^ (other >>> 14))) | 0;
    this.#records++;
  }

  /** Takes the next bytes. */
  takeBytes(bytes: Uint8Array): void {
    this.#stream.update(bytes);
  }

  get value(): Contents {
    const { length, value } = this.#stream;
    return { bytes: length, fingerprint: `${this.#records} ${this.#places} ${this.#sizes} ${value}` };
  }
}

/**
 * Hashes that go side by side, as a processor has room for: each word waits for the one four words before, not for
 * the last.
 */
const LANES = 4;
const STRIPE = 4 * LANES;

/** A fingerprint of bytes, however they are divided: four hashes of 32 bits, of each fourth word. */
class StreamDigest {
  length = 0;
  readonly #lanes = Int32Array.of(1, 2, 3, 4);
  /** The bytes of a word that is not yet whole. */
  #word = 0;

  update(bytes: Uint8Array): void {
    let i = 0;
    for (; i < bytes.length && this.length % STRIPE !== 0; i++) this.#byte(bytes[i]);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const end = bytes.length - ((bytes.length - i) % STRIPE);
    let [a, b, c, d] = this.#lanes;
    this.length += end - i;
    for (; i < end; i += STRIPE) {
      a = mixed(a, view.getInt32(i, true));
      b = mixed(b, view.getInt32(i + 4, true));
      c = mixed(c, view.getInt32(i + 8, true));
      d = mixed(d, view.getInt32(i + 12, true));
    }
    this.#lanes.set([a, b, c, d]);
    for (; i < bytes.length; i++) this.#byte(bytes[i]);
  }

  #byte(byte: number): void {
    this.#word |= byte << (8 * (this.length % 4));
    this.length++;
    if (this.length % 4 !== 0) return;
    const lane = (this.length / 4 - 1) % LANES;
    this.#lanes[lane] = mixed(this.#lanes[lane], this.#word);
    this.#word = 0;
  }

  get value(): string {
    return `${this.#lanes.join(' ')} ${this.#word}`;
  }
}

function mixed(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, 0x01000193);
  return product ^ (product >>> 15);
}

/**
 * Fingerprint of a database whose records lie directly behind each other from the end of its header block on, as a
 * builder makes it.
 *
 * @param bytes of all keys and values
 * @returns undefined if the file is not such a database
 */
export async function contentsOf(source: Source, bytes: number): Promise<Contents | undefined> {
  const db = await openDatabase(source);
  const runs = db === undefined ? undefined : directoryRuns(db);
  if (db === undefined || runs === undefined) return undefined;
  const first = db.geometry.blockSize;
  if (first + bytes > source.size) return undefined;
  const digest = new ContentsDigest();
  for await (const piece of passChunks(source, first, bytes, 1 << 20)) digest.takeBytes(piece);
  await new BucketPass(db, runs).each((words) => {
    for (let i = 0; i < words.elements; i++) {
      if (!words.isFree(i)) digest.takePlace(words.pointer(i) - first, words.keySize(i), words.dataSize(i));
    }
    return true;
  });
  return digest.value;
}
