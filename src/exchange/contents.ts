import { openDatabase } from '../database/database.js';
import { search } from '../examine.js';
import type { Source } from '../source/source.js';
import { readChunks } from '../source/source.js';
import { walkRecords } from './walk.js';

/**
 * A fingerprint of records in any order: of each record two hashes of 32 bits, of its sizes and bytes, and their sums.
 * It tells whether what was written is what came, not whether somebody meant to deceive.
 */
export class ContentsDigest {
  #records = 0;
  #first = 0;
  #second = 0;

  /** Begins a record; what `update` gets next is its key and value, in pieces. */
  start(keySize: number, dataSize: number): RecordDigest {
    return new RecordDigest(keySize, dataSize);
  }

  add({ first, second }: RecordDigest): void {
    this.#records++;
    this.#first = (this.#first + first) | 0;
    this.#second = (this.#second + second) | 0;
  }

  get value(): string {
    return `${this.#records} ${this.#first} ${this.#second}`;
  }
}

class RecordDigest {
  first: number;
  second: number;

  constructor(keySize: number, dataSize: number) {
    this.first = Math.imul(keySize, 0x9e3779b1) ^ dataSize;
    this.second = Math.imul(dataSize, 0x85ebca6b) ^ keySize;
  }

  update(bytes: Uint8Array): this {
    let { first, second } = this;
    for (let i = 0; i < bytes.length; i++) {
      first = Math.imul(first ^ bytes[i], 0x01000193);
      second = (Math.imul(second, 31) + bytes[i]) | 0;
    }
    this.first = first;
    this.second = second;
    return this;
  }
}

/** The fingerprint of all records of a sound database, as a walk reads them. */
export async function digestOf(source: Source): Promise<string> {
  const db = await openDatabase(source);
  const digest = new ContentsDigest();
  if (db === undefined) return digest.value;
  for await (const { count, bytes, starts, offsets, keySizes, dataSizes } of walkRecords({
    db,
    searched: () => search(db),
  })) {
    for (let i = 0; i < count; i++) {
      const size = keySizes[i] + dataSizes[i];
      const record = digest.start(keySizes[i], dataSizes[i]);
      if (starts[i] >= 0) record.update(bytes.subarray(starts[i], starts[i] + size));
      else for await (const piece of readChunks(source, offsets[i], size)) record.update(piece);
      digest.add(record);
    }
  }
  return digest.value;
}
