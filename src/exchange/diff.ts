import { equalAt } from '../database/equalat.js';
import { equalBytes } from '../format/bytes.js';
import type { Source } from '../source/source.js';
import { readChunks } from '../source/source.js';
import type { WalkedBatch, WalkLoss } from './batch.js';
import { HASH, WORDS } from './batchwords.js';
import type { BatchLimits } from './batchreader.js';
import { DiffSide } from './diffside.js';
import { equalRuns, KeyTable } from './keytable.js';
import { readKey } from './record.js';
import type { Walkable } from './walk.js';

/** A key that is not the same in two databases. */
export interface Difference {
  readonly how: 'removed' | 'added' | 'changed';
  /** Good until the next one is asked for. */
  readonly key: Uint8Array;
  /** Bytes of the value before; undefined where there is none. */
  readonly before: number | undefined;
  readonly after: number | undefined;
}

export interface DiffCounts {
  same: number;
  removed: number;
  added: number;
  changed: number;
  /** What of either could not be read; then the rest is not all. */
  lossBefore: WalkLoss;
  lossAfter: WalkLoss;
}

/** What a comparison begins with. */
export function noCounts(): DiffCounts {
  const loss = () => ({ records: 0, incomplete: false });
  return { same: 0, removed: 0, added: 0, changed: 0, lossBefore: loss(), lossAfter: loss() };
}

/**
 * Compares two databases of any kind key by key, in no order that means anything.
 *
 * Both are gone through side by side, in order of their hashes, and the keys of both held against each other. Where buckets
 * are damaged, and for keys that machines hash differently, what was not found so is looked up. Of databases in order
 * nothing is held but a batch of records of each, whatever the size.
 */
export async function* diff(
  before: Walkable,
  after: Walkable,
  counts: DiffCounts,
  limits?: BatchLimits,
): AsyncGenerator<Difference> {
  const a = new DiffSide(before, counts.lossBefore, limits);
  const b = new DiffSide(after, counts.lossAfter, limits);
  const judge = new Judge(counts);
  const keys = new KeyTable();
  const nextAfter = async () => {
    await b.advance();
    if (b.batch !== undefined) keys.load(b.batch);
  };
  await a.advance();
  await nextAfter();
  while (a.batch !== undefined && b.batch !== undefined) {
    yield* together(a, a.batch, b, b.batch, keys, judge);
    if (a.to <= b.to) {
      yield* apart('removed', a, b, judge);
      await a.advance();
    } else {
      yield* apart('added', b, a, judge);
      await nextAfter();
    }
  }
  for (; a.batch !== undefined; await a.advance()) yield* apart('removed', a, b, judge);
  for (; b.batch !== undefined; await b.advance()) yield* apart('added', b, a, judge);
}

/** Compares the records of two batches that have the same keys. */
function* together(
  a: DiffSide,
  batch: WalkedBatch,
  b: DiffSide,
  other: WalkedBatch,
  keys: KeyTable,
  judge: Judge,
): Generator<Difference> {
  const { from, to } = other.hashes;
  for (let n = 0; n < batch.count; n++) {
    const hash = batch.hashes.words[n * WORDS + HASH];
    if (hash < from || hash >= to || a.found[n] !== 0) continue;
    const m = keys.find(batch, n);
    if (m < 0) continue;
    a.found[n] = 1;
    b.found[m] = 1;
    const keySize = batch.keySizes[n];
    const [was, is] = [batch.dataSizes[n], other.dataSizes[m]];
    const [start, otherStart] = [batch.starts[n], other.starts[m]];
    const isSame =
      was === is && equalRuns(batch.bytes, start + keySize, other.bytes, otherStart + keySize, was);
    if (isSame) judge.counts.same++;
    else yield judge.tell('changed', batch.bytes.subarray(start, start + keySize), was, is);
  }
}

/** What becomes of the records of a batch that were not found beside it. */
async function* apart(
  how: 'removed' | 'added',
  side: DiffSide,
  other: DiffSide,
  judge: Judge,
): AsyncGenerator<Difference> {
  const { batch } = side;
  if (batch === undefined) return;
  for (let n = 0; n < batch.count; n++) {
    if (side.found[n] !== 0) continue;
    const isSure = side.isSure && other.lacks(batch, n);
    const difference = await judge.one(how, batch, n, isSure ? undefined : other);
    if (difference !== undefined) yield difference;
  }
}

/** Tells and counts what became of each record. */
class Judge {
  readonly #room = new Uint8Array(4096);

  constructor(readonly counts: DiffCounts) {}

  tell(how: Difference['how'], key: Uint8Array, before?: number, after?: number): Difference {
    this.counts[how]++;
    return { how, key, before, after };
  }

  /**
   * @param how what it is if the other database does not have it
   * @param other undefined where that is proved
   */
  async one(
    how: 'removed' | 'added',
    batch: WalkedBatch,
    n: number,
    other: DiffSide | undefined,
  ): Promise<Difference | undefined> {
    const [start, keySize, size] = [batch.starts[n], batch.keySizes[n], batch.dataSizes[n]];
    const key =
      start < 0
        ? await readKey(batch.source, batch.offsets[n], keySize)
        : batch.bytes.subarray(start, start + keySize);
    const found = await other?.find(key);
    if (found === undefined)
      return how === 'removed' ? this.tell(how, key, size) : this.tell(how, key, undefined, size);
    // A record that both have is told once.
    if (how === 'added') return undefined;
    const { source, valueOffset, valueSize } = found;
    const isSame =
      size === valueSize &&
      (start < 0
        ? await sameRange(batch.source, batch.offsets[n] + keySize, source, valueOffset, size)
        : await equalAt(
            source,
            valueOffset,
            batch.bytes.subarray(start + keySize, start + keySize + size),
            this.#room,
          ));
    if (!isSame) return this.tell('changed', key, size, valueSize);
    this.counts.same++;
    return undefined;
  }
}

async function sameRange(a: Source, atA: number, b: Source, atB: number, size: number): Promise<boolean> {
  const others = readChunks(b, atB, size);
  for await (const piece of readChunks(a, atA, size)) {
    const other = await others.next();
    if (other.done || !equalBytes(piece, other.value)) return false;
  }
  return true;
}
