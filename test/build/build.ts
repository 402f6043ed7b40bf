import fc from 'fast-check';
import type { BuildResult } from '../../src/write/builder.js';
import { DatabaseBuilder } from '../../src/write/builder.js';
import type { BuildSpec } from '../../src/write/frame.js';
import { memorySink } from '../../src/write/sink.js';
import type { Format } from '../../src/format/format.js';
import type { HashChar } from '../../src/format/hash.js';
import { hashKey } from '../../src/format/hash.js';

export interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Builds a database in memory, its records in the given order. */
export async function build(
  records: readonly (KeyValue & { hashChar?: HashChar })[],
  spec: BuildSpec,
  hashChar: HashChar = 'signed',
): Promise<{ bytes: Uint8Array; result: BuildResult }> {
  const sink = memorySink();
  const builder = new DatabaseBuilder(sink, spec);
  for (const { key, value, hashChar: own } of records) {
    await builder.add({
      hash: hashKey(key, own ?? hashChar),
      keySize: key.length,
      dataSize: value.length,
      bytes: Buffer.concat([key, value]),
    });
  }
  const result = await builder.finish();
  return { bytes: sink.bytes(), result };
}

/** A database as libgdbm makes them: buckets as large as blocks. */
export function specFor(format: Format, blockSize = 512, numsync?: number): BuildSpec {
  return { format, blockSize, bucketSize: blockSize, ...(numsync !== undefined && { numsync }) };
}

/** Keys and values of any bytes and of no bytes; short keys come twice now and then. */
export function anyRecords(maxLength: number, maxValue = 200): fc.Arbitrary<KeyValue[]> {
  const key = fc.oneof(
    fc.uint8Array({ maxLength: 1, max: 7 }),
    fc.uint8Array({ maxLength: 12 }),
    fc.string({ unit: 'binary', maxLength: 20 }).map((text) => new Uint8Array(Buffer.from(text))),
  );
  const value = fc.oneof(
    fc.uint8Array({ maxLength: 8 }),
    fc.uint8Array({ maxLength: maxValue, size: 'max' }),
  );
  return fc.array(fc.record({ key, value }), { maxLength, size: 'max' });
}

/** Bytes as text, to be the key of a Map. */
export function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

/** The contents of a database of these records: of records with one key the first. */
export function heldBy(records: readonly KeyValue[]): Map<string, string> {
  const held = new Map<string, string>();
  for (const { key, value } of records) if (!held.has(text(key))) held.set(text(key), text(value));
  return held;
}
