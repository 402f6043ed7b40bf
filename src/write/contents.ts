import type { CheckedDatabase, FileFormat } from '../check/check.js';
import type { Doubt } from '../check/doubtful.js';
import type { Opened, Proved } from '../examine.js';
import { HOST_IS_LITTLE } from '../format/bytes.js';
import { LAYOUT_64, offsetSize } from '../format/format.js';
import type { HashChar } from '../format/hash.js';
import type { RecordFilter } from '../profile/leaveout.js';
import { salvageProved } from '../salvage/proved.js';
import type { SalvagedBatch, SalvagedRecord } from '../salvage/salvage.js';
import { salvage } from '../salvage/salvage.js';
import type { Source } from '../source/source.js';
import { Original } from './copy.js';
import type { BuildSpec } from './frame.js';
import type { Patch } from './patch.js';

/**
 * Why a record whose key is proved is not written. `overclaimed`: all records together claim more bytes than the file
 * has.
 */
export type NotKept = Doubt | 'overclaimed';

export const NONE_NOT_KEPT: Readonly<Record<NotKept, number>> = {
  overreaching: 0,
  unreadable: 0,
  overclaimed: 0,
};

/** Counts records that are not written. */
interface LeftOut extends Record<NotKept, number> {
  /** Records that a filter left out. */
  leftOut: number;
  readonly visit?: (record: SalvagedRecord, reason: NotKept) => void;
}

/**
 * Gives records in addition to those in force, the most likely one of a key first. They never replace a better record
 * of the same key.
 */
export type Added = () => AsyncIterable<SalvagedBatch>;

/** The contents of a fresh database, before it is written and when it is verified. */
export interface Contents {
  /** The source that has the records. */
  readonly source: Source;
  readonly spec: BuildSpec;
  /** The flavour of hash that the fresh database has. */
  readonly hashChar: HashChar;
  /** The records in the order in which they are stored: the first of a key is kept. Each call begins anew. */
  readonly records: (leftOut?: LeftOut) => AsyncIterable<SalvagedBatch>;
  /** The bytes that differ, if the fresh database is a copy of the whole source but for them. */
  readonly patch?: Patch | undefined;
  /** The database that the fresh one may be a copy of; undefined where each record is looked at by itself. */
  readonly original: Original | undefined;
}

/**
 * No real directory is larger than its file, and hashes made to crowd must not make the fresh one so; up to this many
 * bytes it may be larger.
 */
const SMALL_DIRECTORY = 1 << 20;

/** All records of a database that was proved to be in order. */
export function provedContents({ db, proof, survey, checked }: Proved): Contents {
  const { format } = checked;
  return {
    source: db.source,
    spec: specOf(format, db.source.size),
    hashChar: targetHash(format),
    records: () => salvageProved(db, proof),
    original: new Original(db, survey, survey.examination, proof.runs, true),
  };
}

/** Every record that can be had from a database whose elements were examined, and what is to be added. */
export function salvagedContents({ db, survey }: Opened, checked: CheckedDatabase, added?: Added): Contents {
  const { examination } = survey;
  const { runs } = checked.space;
  const canCopy =
    examination !== undefined &&
    runs !== undefined &&
    checked.doubtful.size === 0 &&
    added === undefined &&
    // Keys of another kind of machine get another hash.
    (examination.signed === 0 || examination.unsigned === 0);
  return {
    source: db.source,
    spec: specOf(checked.format, db.source.size),
    hashChar: targetHash(checked.format),
    records: (leftOut) => recordsToKeep({ db, survey }, checked, added, leftOut),
    original: canCopy ? new Original(db, survey, examination, runs, false) : undefined,
  };
}

/** Records of a source that is no database, for a database as libgdbm makes it on this machine. */
export function bareContents(source: Source, records: SalvagedBatch): Contents {
  const byteOrder = HOST_IS_LITTLE ? 'little' : 'big';
  return {
    source,
    spec: {
      format: { byteOrder, layout: LAYOUT_64, variant: 'standard' },
      blockSize: 4096,
      bucketSize: 4096,
    },
    hashChar: 'signed',
    records: async function* () {
      yield await Promise.resolve(records);
    },
    original: undefined,
  };
}

/** The same contents without the records that a filter refuses. */
export function filteredContents(contents: Contents, keep: RecordFilter): Contents {
  const records = async function* (leftOut?: LeftOut): AsyncGenerator<SalvagedBatch> {
    for await (const batch of contents.records(leftOut)) {
      const kept = batch.filter(keep);
      if (leftOut !== undefined) leftOut.leftOut += batch.length - kept.length;
      yield kept;
    }
  };
  return { ...contents, records, original: undefined, patch: undefined };
}

/** Visits the records in force that a fresh database cannot hold, in the order in which they are left out. */
export async function eachNotKept(
  searched: Opened,
  checked: CheckedDatabase,
  visit: (record: SalvagedRecord, reason: NotKept) => Promise<void> | void,
): Promise<void> {
  const out: [SalvagedRecord, NotKept][] = [];
  const leftOut = {
    ...NONE_NOT_KEPT,
    leftOut: 0,
    visit: (...one: [SalvagedRecord, NotKept]) => out.push(one),
  };
  for await (const batch of recordsToKeep(searched, checked, undefined, leftOut)) {
    void batch;
    for (const [record, reason] of out.splice(0)) await visit(record, reason);
  }
}

/** The kind of the database that a source of so many bytes has. */
function specOf(
  { geometry, extended, byteOrder, layout, variant }: FileFormat,
  sourceSize: number,
): BuildSpec {
  const { blockSize, bucketSize } = geometry;
  const room = Math.max(sourceSize, SMALL_DIRECTORY);
  return {
    format: { byteOrder, layout, variant },
    blockSize,
    bucketSize,
    ...(extended && { numsync: extended.numsync }),
    maxDirectoryBits: Math.floor(Math.log2(room / offsetSize(layout))),
  };
}

/** The flavour that keys show; where none shows it, either one fits every key. */
function targetHash({ hashChar }: FileFormat): HashChar {
  return hashChar === 'undetermined' ? 'signed' : hashChar;
}

/**
 * The records in the order in which they are stored. Those of the file's own flavour of hash come first: the first of a key
 * is kept, and only the file's own machines could ever read theirs.
 */
async function* recordsToKeep(
  { db, survey }: Opened,
  checked: CheckedDatabase,
  added?: Added,
  leftOut?: LeftOut,
): AsyncGenerator<SalvagedBatch> {
  const target = targetHash(checked.format);
  const { doubtful } = checked;
  const isNative = (record: SalvagedRecord) => record.hashChar === 'either' || record.hashChar === target;
  let claimable = db.source.size;
  let foreign = 0;
  for (const pass of ['native', 'foreign'] as const) {
    if (pass === 'foreign' && foreign === 0) break;
    for await (const batch of salvage(db, survey)) {
      const wanted = batch.filter((record) => isNative(record) === (pass === 'native'));
      foreign += batch.length - wanted.length;
      yield wanted.filter((record) => {
        const { offset, keySize, dataSize } = record;
        const size = keySize + dataSize;
        const reason = doubtful.reasonOf(offset, size) ?? (size > claimable ? 'overclaimed' : undefined);
        if (reason === undefined) {
          claimable -= size;
          return true;
        }
        if (leftOut !== undefined) leftOut[reason]++;
        leftOut?.visit?.(record, reason);
        return false;
      });
    }
  }
  for await (const batch of added?.() ?? []) {
    yield batch.filter(({ keySize, dataSize }) => {
      const fits = keySize + dataSize <= claimable;
      if (fits) claimable -= keySize + dataSize;
      return fits;
    });
  }
}
