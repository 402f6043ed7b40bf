import { equalAt } from '../database/equalat.js';
import { digestOn, keyDigest } from '../format/hash.js';
import type { Source } from '../source/source.js';
import { readChunks } from '../source/source.js';
import type { RecordsByHash } from './recordsbyhash.js';

/**
 * Finds a key among many that have one hash, which a file may be made of: each of them is read once, however many are looked
 * for. Remembers the last hash that was asked for.
 */
export class AlikeKeys {
  /** Fewer are compared one by one. */
  static readonly FEW = 8;
  readonly #source: Source;
  readonly #room = new Uint8Array(4096);
  #records: RecordsByHash | undefined;
  #from = -1;
  /** Which of the records have a digest; no file can be made whose keys have one, as it is another one in each process. */
  #byDigest = new Map<number, number[]>();

  constructor(source: Source) {
    this.#source = source;
  }

  /** The number of the record with the key, of those from `from` to before `to`; −1 where there is none. */
  async find(records: RecordsByHash, from: number, to: number, key: Uint8Array): Promise<number> {
    if (records !== this.#records || from !== this.#from) await this.#load(records, from, to);
    for (const n of this.#byDigest.get(digestOn(keyDigest(key.length), key, key.length)) ?? []) {
      const { offset, keySize } = records.at(n);
      if (keySize === key.length && (await equalAt(this.#source, offset, key, this.#room))) return n;
    }
    return -1;
  }

  async #load(records: RecordsByHash, from: number, to: number): Promise<void> {
    this.#byDigest = new Map();
    for (let n = from; n < to; n++) {
      const { offset, keySize } = records.at(n);
      let digest = keyDigest(keySize);
      for await (const piece of readChunks(this.#source, offset, keySize))
        digest = digestOn(digest, piece, piece.length);
      const others = this.#byDigest.get(digest);
      if (others === undefined) this.#byDigest.set(digest, [n]);
      else others.push(n);
    }
    this.#records = records;
    this.#from = from;
  }
}
