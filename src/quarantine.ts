import { examineBuckets } from './check/judge.js';
import type { SpaceAccount } from './check/space.js';
import type { Searched } from './examine.js';
import type { CarvedFind } from './salvage/carved.js';
import { salvageDeleted } from './salvage/deleted.js';
import type { Addition, SalvagedBatch, SalvagedRecord } from './salvage/salvage.js';
import { salvageStale } from './salvage/stale.js';

/** What was found and is not in the fresh database, as a line of JSON tells it. Offsets and sizes in bytes. */
export interface Quarantined {
  /** Why it is not written: a provenance, `unproved`, or `left-out` because a program could not load it. */
  readonly provenance: Addition | 'unproved' | 'left-out';
  /** For what is unproved, what is wrong with it. */
  readonly reason?: string;
  /** The element's hash; of a carved value without a key null. */
  readonly hash: number | null;
  /** Of a carved value the name of its shape. */
  readonly shape?: string;
  /** Base64 of the key's first bytes as the element has them. */
  readonly keyStart?: string;
  readonly offset: number;
  readonly keySize: number;
  readonly dataSize: number;
  /** File offset of the bucket, and the element's index in it; null where no element is left. */
  readonly bucket: number | null;
  readonly element: number | null;
  /** Base64 of what is at the key's and the value's place; null where it is not in the file, or too much. */
  readonly key: string | null;
  readonly value: string | null;
  /** Only of a carved value without a key: base64 of up to 256 bytes before it that nothing else has. */
  readonly before?: string | null;
  /** Whether something in force lies on its bytes, so that they are not what was stored. */
  readonly overwritten: boolean;
}

/** One value that is larger is named by its place only. */
const MAX_BYTES = 16 << 20;

/** Bytes before a value without a key that are shown. */
const MAX_BEFORE = 256;

/**
 * Everything that was found and is not written by default: elements whose record cannot be proved, and records of
 * superseded buckets and freed elements. The values together are no larger than the file, so that elements which all
 * point at one large record do not multiply it.
 */
export async function* quarantine(
  { db, survey }: Searched,
  space: SpaceAccount,
  leftOut: AsyncIterable<SalvagedBatch>,
  carved: readonly CarvedFind[] = [],
): AsyncGenerator<Quarantined> {
  const { source } = db;
  let budget = source.size;
  const read = async (offset: number, length: number) => {
    if (
      !(offset >= 0 && length >= 0 && offset + length <= source.size) ||
      length > Math.min(MAX_BYTES, budget)
    ) {
      return null;
    }
    budget -= length;
    return base64(await source.read(offset, length));
  };
  const salvaged = async (
    { hash, offset, keySize, dataSize, bucket, element }: SalvagedRecord,
    provenance: Quarantined['provenance'],
  ): Promise<Quarantined> => ({
    provenance,
    hash,
    offset,
    keySize,
    dataSize,
    bucket,
    element,
    key: await read(offset, keySize),
    value: await read(offset + keySize, dataSize),
    overwritten: provenance !== 'left-out' && space.isUsed(offset, keySize + dataSize),
  });
  // First, because they are proved: what comes later must not use up what they need.
  for await (const batch of leftOut) for (const record of batch) yield await salvaged(record, 'left-out');
  for await (const { rejected } of examineBuckets(db, survey)) {
    for (const { reason, keyStart, ...place } of rejected) {
      const { offset, keySize, dataSize } = place;
      yield {
        provenance: reason === 'superseded' || reason === 'duplicate' ? 'stale' : 'unproved',
        reason,
        keyStart: base64(keyStart),
        ...place,
        key: await read(offset, keySize),
        value: await read(offset + keySize, dataSize),
        overwritten: space.isUsed(offset, keySize + dataSize),
      };
    }
  }
  for (const records of [salvageStale(db, survey), salvageDeleted(db, survey)]) {
    for await (const batch of records) {
      for (const record of batch) {
        yield await salvaged(record, record.provenance === 'stale' ? 'stale' : 'deleted');
      }
    }
  }
  for (const { shape, offset, size, key, before: gap } of carved) {
    const before = Math.min(gap, MAX_BEFORE);
    yield {
      provenance: 'carved',
      shape,
      hash: null,
      offset: key?.offset ?? offset,
      keySize: key?.size ?? 0,
      dataSize: size,
      bucket: null,
      element: null,
      key: key === undefined ? null : await read(key.offset, key.size),
      value: await read(offset, size),
      ...(key === undefined && { before: await read(offset - before, before) }),
      overwritten: false,
    };
  }
}

function base64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 0x8000)
    text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}
