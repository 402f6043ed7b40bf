import { SHAPES } from '../carve/shapes.js';
import { GLANCE } from '../carve/shape.js';
import { startOf } from '../check/key.js';
import type { RejectedElement } from '../check/record.js';
import type { Database } from '../database/database.js';
import { rulerOf } from '../database/survey.js';
import { KEY_START } from '../format/bucket.js';
import { equalBytes } from '../format/bytes.js';
import { FREE_HASH, hashKey, isPortableKey } from '../format/hash.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import type { Source } from '../source/source.js';
import { readUpTo } from '../source/source.js';
import { examineApart } from './apart.js';
import type { Confidence, KeyProof } from './confidence.js';
import { CONFIDENCES, confidenceOf, TELLING } from './confidence.js';
import { freedElements, placeName } from './freed.js';
import { InForce } from './inforce.js';
import type { Overwritten } from './overwritten.js';
import { Overwriting } from './overwritten.js';
import type { SalvagedRecord } from './salvage.js';
import { withProvenance } from './salvage.js';

/** A record that was once stored and is not in force, `stale` or `deleted`, and what can be told of it. */
export interface OldRecord extends SalvagedRecord {
  readonly confidence: Confidence;
  readonly overwritten: Overwritten;
  /** Whether another old record begins at the same place: at most one of them is whole. */
  readonly shared: boolean;
  /** Whether the key is in force with another value. */
  readonly replaced: boolean;
  /** The key's first bytes as the element has them, at most 4; all that is known of the key of a `trace`. */
  readonly keyStart: Uint8Array;
  /** The value's shape, if it begins as one that is known: whole if it ends just where the value does. */
  readonly shape: { readonly name: string; readonly whole: boolean } | undefined;
}

export interface OldRecords {
  /** Stale ones first, and of those and the others the ones with the highest confidence. */
  readonly records: readonly OldRecord[];
  /** Elements that were too many to be remembered. */
  readonly dropped: number;
}

/** Whether a record may be added to a fresh database: nothing of it is known to be overwritten. */
export function isAddable({ confidence }: OldRecord): boolean {
  return confidence === 'high' || confidence === 'medium';
}

/** What is known of a record before it is judged. */
interface Candidate {
  readonly record: SalvagedRecord;
  /** As {@link startOf} gives it. */
  readonly keyStart: number;
  readonly proof: KeyProof;
  readonly homeBits: number;
}

/** Records that are remembered at most: some 300 bytes each. */
const MAX_OLD = 1 << 19;
/** Values whose shape is looked at, and keys that are compared, in bytes for each byte of the file. */
const READ_BUDGET = 2;

/**
 * Finds every record that was stored once and is not in force: those of superseded buckets, of free elements, and of
 * elements in buckets that another one rules over. Each place is given once, by the element that proves most, with what is
 * known to be written over it. Memory: 29 bytes for each record in force, 300 for each of at most 2^19 old ones.
 *
 * @throws SourceError if the source cannot be read
 */
export async function findOld(db: Database, survey: SearchedSurvey, known?: InForce): Promise<OldRecords> {
  const inForce = known ?? (await InForce.read(db, survey));
  const { candidates, dropped } = await collect(db, survey, inForce);
  const proved = candidates.filter(({ proof }) => proof !== 'none').map(({ record }) => record);
  // A key that may be another record's says nothing of who wrote last.
  const sure = candidates.filter(isSure).map(({ record }) => record);
  const overwriting = new Overwriting(inForce, sure, {
    buckets: survey.stale.filter(({ state }) => state === 'sound').map(({ offset }) => offset),
    bucketSize: db.geometry.bucketSize,
  });
  const begun = new Map<number, number>();
  for (const { offset } of proved) begun.set(offset, (begun.get(offset) ?? 0) + 1);
  const replaced = await keysInForce(db.source, proved, inForce);
  let budget = READ_BUDGET * db.source.size;
  const records: OldRecord[] = [];
  for (const { record, keyStart, proof, homeBits } of candidates) {
    const keyProved = proof !== 'none';
    const provenance = record.provenance === 'stale' ? 'stale' : 'deleted';
    const overwritten = overwriting.of(record);
    const shared = keyProved && begun.get(record.offset)! > 1;
    budget -= record.dataSize;
    const shape = keyProved && budget >= 0 ? await shapeOf(db.source, record) : undefined;
    const confidence = confidenceOf({
      provenance,
      proof,
      homeBits,
      overwritten,
      shared,
      whole: shape?.whole,
    });
    const isReplaced = replaced.has(record);
    records.push({
      ...record,
      confidence,
      overwritten,
      shared,
      replaced: isReplaced,
      keyStart: bytesOf(keyStart, record.keySize),
      shape,
    });
  }
  records.sort(
    (a, b) =>
      Number(b.provenance === 'stale') - Number(a.provenance === 'stale') ||
      CONFIDENCES.indexOf(a.confidence) - CONFIDENCES.indexOf(b.confidence) ||
      a.offset - b.offset,
  );
  return { records, dropped };
}

/** Every old record, each place once, in order of their offsets. */
async function collect(
  db: Database,
  survey: SearchedSurvey,
  inForce: InForce,
): Promise<{ candidates: Candidate[]; dropped: number }> {
  const found = new Map<string, Candidate>();
  let dropped = 0;
  const add = (one: Candidate) => {
    const { offset, keySize, dataSize } = one.record;
    const name = placeName(offset, keySize, dataSize);
    const before = found.get(name);
    if (before === undefined && found.size === MAX_OLD) dropped++;
    else if (before === undefined || worth(one) > worth(before)) found.set(name, one);
  };
  const provenanceOf = (hash: number) => (rulerOf(survey, hash) === undefined ? 'stale' : 'deleted');
  const addRejected = async (one: RejectedElement, keyProved: boolean) => {
    const { reason, keyStart, ...place } = one;
    const { offset, keySize, dataSize, hash } = place;
    if (inForce.has(offset, keySize, dataSize)) return;
    const hashChar = keyProved ? await flavourOf(db.source, place) : 'signed';
    const provenance = reason === 'duplicate' ? 'stale' : provenanceOf(hash);
    add({
      record: { ...place, hashChar, provenance },
      keyStart: startOf(keyStart),
      proof: keyProved ? 'hash' : 'none',
      homeBits: 0,
    });
  };
  for (const one of inForce.misplaced) await addRejected(one, true);

  for await (const { records, rejected } of examineApart(db, survey.stale)) {
    for (const record of records) {
      const { offset, keySize, dataSize, hash } = record;
      if (inForce.has(offset, keySize, dataSize)) continue;
      const keyStart = startOf(await db.source.read(offset, Math.min(KEY_START, keySize)));
      const provenance = provenanceOf(hash);
      add({ record: { ...record, provenance }, keyStart, proof: 'hash', homeBits: 0 });
    }
    for (const one of rejected) if (one.reason === 'key') await addRejected(one, false);
  }

  for await (const batch of freedElements(db, [...survey.sites, ...survey.stale], inForce.has)) {
    for (const one of batch) {
      const { keyStart, keyFits, belongs, homeBits } = one;
      // Of a bucket whose head is lost, that bytes look like a free element may be chance.
      if (!keyFits && belongs === undefined) continue;
      const proof = !keyFits ? 'none' : belongs === true ? 'bucket' : 'start';
      add({ record: withProvenance(one, 'deleted'), keyStart, proof, homeBits });
    }
  }
  return { candidates: [...found.values()].sort((a, b) => a.record.offset - b.record.offset), dropped };
}

const isSure = ({ proof, homeBits }: Candidate) =>
  proof === 'hash' || (proof !== 'none' && homeBits >= TELLING);

/** Of elements with one place the one that proves most is told; a bucket in force knows of a deletion more lately. */
const worth = ({ proof, homeBits }: Candidate) => 100 * PROOFS.indexOf(proof) + homeBits;
const PROOFS: readonly KeyProof[] = ['none', 'start', 'hash', 'bucket'];

/** The first bytes of a key of so many, of what {@link startOf} gave. */
function bytesOf(start: number, keySize: number): Uint8Array {
  return Uint8Array.from({ length: Math.min(KEY_START, keySize) }, (_, i) => start >>> (8 * i));
}

/** The flavour of hash by which a key that is proved gives its element's hash. */
async function flavourOf(
  source: Source,
  { offset, keySize, hash }: Pick<SalvagedRecord, 'offset' | 'keySize' | 'hash'>,
): Promise<SalvagedRecord['hashChar']> {
  const key = await source.read(offset, keySize);
  if (isPortableKey(key)) return 'either';
  return hashKey(key, 'signed') === hash ? 'signed' : 'unsigned';
}

/** Those of the records whose key is in force with another place. */
async function keysInForce(
  source: Source,
  records: readonly SalvagedRecord[],
  inForce: InForce,
): Promise<Set<SalvagedRecord>> {
  const byHash = new Map<number, SalvagedRecord[]>();
  for (const record of records) {
    const others = byHash.get(record.hash);
    if (others === undefined) byHash.set(record.hash, [record]);
    else others.push(record);
  }
  const found = new Set<SalvagedRecord>();
  let budget = READ_BUDGET * source.size;
  for (let i = 0; i < inForce.count; i++) {
    const { what, offset, keySize, hash } = inForce.at(i);
    const others = what === 'record' && hash !== FREE_HASH ? byHash.get(hash) : undefined;
    for (const record of others ?? []) {
      budget -= keySize;
      if (record.keySize !== keySize || budget < 0) continue;
      const same = equalBytes(await source.read(offset, keySize), await source.read(record.offset, keySize));
      if (same) found.add(record);
    }
  }
  return found;
}

/** Whether a value that begins as a shape does also ends as it. */
async function shapeOf(
  source: Source,
  { offset, keySize, dataSize }: SalvagedRecord,
): Promise<OldRecord['shape']> {
  if (dataSize === 0) return undefined;
  const at = offset + keySize;
  const start = await readUpTo(source, at, Math.min(GLANCE, dataSize));
  for (const shape of SHAPES) {
    if (!shape.mayStart(start, 0)) continue;
    const measured = await shape.measure(source, at, at + dataSize);
    return { name: shape.name, whole: measured?.size === dataSize };
  }
  return undefined;
}
