import { examineBuckets } from './check/judge.js';
import type { Searched } from './examine.js';
import { FREE_HASH } from './format/hash.js';
import type { CarvedFind } from './salvage/carved.js';
import type { CheckedDatabase } from './write/checked.js';
import type { NotKept } from './write/records.js';
import { notKept } from './write/records.js';
import { base64, jsonText } from './report/escape.js';
import type { LeaveOutRule } from './profile/leaveout.js';
import type { Confidence } from './salvage/confidence.js';
import type { OldRecord } from './salvage/oldrecord.js';
import type { Addition, SalvagedBatch, SalvagedRecord } from './salvage/salvage.js';
import type { Source } from './source/source.js';

/** What was found and is not in the fresh database, as a line of JSON tells it. Offsets and sizes in bytes. */
export interface Quarantined {
  /** Why it is not written: a provenance, `unproved`, or a reason of `NotKept`. */
  readonly provenance: Addition | 'unproved' | NotKept;
  /** For what is unproved, and for a proved record that is not written, what is wrong with it. */
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
  /** Whether something in force, or written later, lies on its bytes, so that they are not what was stored. */
  readonly overwritten: boolean;
  /** Of an old record: how far it is to be believed, and bytes of its key and value that are known to be overwritten. */
  readonly confidence?: Confidence;
  readonly overwrittenKeyBytes?: number;
  readonly overwrittenValueBytes?: number;
  /** Who has them: what it is, its file offset, how many bytes of this record it has. */
  readonly overwrittenBy?: readonly { what: string; offset: number; bytes: number }[];
}

/** One value that is larger is named by its place only. */
const MAX_BYTES = 16 << 20;

/** Proved records that could not be written which are told of. */
const MAX_HELD = 1 << 20;

/** Bytes before a value without a key that are shown. */
const MAX_BEFORE = 256;

/** What is not in the fresh database, besides the records that its program could not load. */
export interface Rest {
  readonly old: readonly OldRecord[];
  readonly carved: readonly CarvedFind[];
  /** Whether the fresh database has the same key with the same value. */
  readonly isKept: (record: SalvagedRecord) => Promise<boolean>;
}

/** Bytes read at once for base64: each piece but the last stands for whole groups of three. */
const BASE64_PIECE = 3 << 18;

/**
 * The records that a rule leaves out, a line of JSON each in pieces of text, with key and value whole however large they
 * are, so that `load` brings them back. `reason` is the code of what is wrong with one.
 */
export async function* leftOutLines(
  source: Source,
  records: AsyncIterable<SalvagedBatch>,
  why: LeaveOutRule,
): AsyncGenerator<string> {
  for await (const batch of records) {
    for (const record of batch) {
      const reason = why(record);
      if (reason === undefined) continue;
      const { hash, offset, keySize, dataSize, bucket, element } = record;
      yield '{"key":"';
      yield* base64Pieces(source, offset, keySize);
      yield '","value":"';
      yield* base64Pieces(source, offset + keySize, dataSize);
      const place = { hash, offset, keySize, dataSize, bucket, element, overwritten: false };
      yield `",${jsonText({ provenance: 'left-out', reason, ...place }).slice(1)}\n`;
    }
  }
}

async function* base64Pieces(source: Source, offset: number, length: number): AsyncGenerator<string> {
  for (let at = 0; at < length; at += BASE64_PIECE) {
    yield base64(await source.read(offset + at, Math.min(BASE64_PIECE, length - at)));
  }
}

/**
 * Everything else that was found and is not in the fresh database: proved records that could not be written, elements whose
 * record cannot be proved, old records and carved values. The values together are no larger than the file, so that
 * elements which all point at one large record do not multiply it.
 */
export async function* quarantine(
  { db, survey }: Searched,
  checked: CheckedDatabase,
  { old, carved, isKept }: Rest,
): AsyncGenerator<Quarantined> {
  const { space } = checked;
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
    overwritten: provenance === 'overreaching',
  });
  const tooLarge: [SalvagedRecord, NotKept][] = [];
  await notKept(db, survey, checked, (...one) => {
    if (tooLarge.length < MAX_HELD) tooLarge.push(one);
  });
  for (const [record, reason] of tooLarge) yield { ...(await salvaged(record, reason)), reason };
  for (const one of old) {
    const { confidence, overwritten, keyStart, provenance } = one;
    if (confidence !== 'trace' && (await isKept(one))) continue;
    const by = overwritten.by.map(({ what, offset, bytes }) => ({ what, offset, bytes }));
    yield {
      ...(await salvaged(one, provenance === 'stale' ? 'stale' : 'deleted')),
      hash: one.hash === FREE_HASH ? null : one.hash,
      keyStart: base64(keyStart),
      confidence,
      overwritten: confidence === 'trace' || overwritten.key + overwritten.value > 0,
      overwrittenKeyBytes: overwritten.key,
      overwrittenValueBytes: overwritten.value,
      overwrittenBy: by,
    };
  }
  for await (const { rejected } of examineBuckets(db, survey)) {
    for (const { reason, keyStart, ...place } of rejected) {
      // Those are old records.
      if (reason === 'superseded' || reason === 'duplicate') continue;
      const { offset, keySize, dataSize } = place;
      yield {
        provenance: 'unproved',
        reason,
        keyStart: base64(keyStart),
        ...place,
        key: await read(offset, keySize),
        value: await read(offset + keySize, dataSize),
        overwritten: space.isUsed(offset, keySize + dataSize),
      };
    }
  }
  for (const { shape, offset, size, key, before: gap } of carved) {
    const before = Math.min(gap, MAX_BEFORE);
    if (key !== undefined && (await isKept(asRecord(key, size)))) continue;
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

/** Of a carved value what tells it apart from others. */
function asRecord(key: { readonly offset: number; readonly size: number }, dataSize: number): SalvagedRecord {
  const place = { offset: key.offset, keySize: key.size, dataSize, bucket: -1, element: -1 };
  return { ...place, hash: FREE_HASH, hashChar: 'either', provenance: 'carved' };
}
