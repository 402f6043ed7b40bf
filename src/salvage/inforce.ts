import { eachKept } from '../check/marks.js';
import { checkAvailChain } from '../check/avail.js';
import { examine } from '../check/examination.js';
import { judgeSites } from '../check/bucket.js';
import type { ElementMarks, RejectedElement } from '../check/marks.js';
import type { FilePart } from '../source/regions.js';
import { divide, RecordHistogram } from '../source/regions.js';
import type { Database } from '../database/database.js';
import type { Survey } from '../database/survey.js';
import { provesItself } from '../database/survey.js';
import { elementStruct } from '../format/bucket.js';
import { offsetSize } from '../format/format.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import type { Holder } from './inforcepart.js';
import { InForcePart } from './inforcepart.js';
import { RecordSample } from './recordmodel.js';

/** Limit on remembered elements of buckets in force that are not in force themselves. */
const MAX_MISPLACED = 1 << 18;
/** Records held for a part of the file. */
const HELD = 1 << 19;

/** A header, directory, avail block or bucket in force. */
interface Structure {
  readonly what: Holder;
  /** File offset. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/**
 * Everything in force, one part of the file at a time, because all of it would take 24 bytes a record. Each part is
 * read from the buckets anew.
 */
export class InForce {
  /** Elements that are superseded, or the second ones of a key, in buckets that are in force for other hashes. */
  readonly misplaced: readonly RejectedElement[];
  /** Some of the records in force, from all buckets. */
  readonly sample: RecordSample;
  readonly #db: Database;
  readonly #survey: Survey;
  readonly #marks: ElementMarks;
  /** Structures in force that are not buckets. */
  readonly #structures: readonly Structure[];
  readonly #parts: readonly FilePart[];
  readonly #held: number;
  /** The only part, once it was read. */
  #only: InForcePart | undefined;

  private constructor(
    db: Database,
    survey: Survey,
    known: {
      readonly marks: ElementMarks;
      readonly misplaced: readonly RejectedElement[];
      readonly sample: RecordSample;
      readonly structures: readonly Structure[];
      readonly parts: readonly FilePart[];
      readonly held: number;
    },
  ) {
    this.#db = db;
    this.#survey = survey;
    this.#marks = known.marks;
    this.misplaced = known.misplaced;
    this.sample = known.sample;
    this.#structures = known.structures;
    this.#parts = known.parts;
    this.#held = known.held;
  }

  /**
   * Finds the structures and misplaced elements, and divides the file into parts.
   *
   * @param held records that are held at a time; if more begin at one place, only so many of them
   */
  static async read(db: Database, survey: SearchedSurvey, held = HELD): Promise<InForce> {
    const { geometry, format, directory } = db;
    const examination = survey.examination ?? (await examine(db, survey));
    const structures: Structure[] = [];
    if (!db.headerLost) structures.push({ what: 'header', offset: 0, length: geometry.blockSize });
    if (geometry.directory !== undefined) {
      const length = directory.length * offsetSize(format.layout);
      structures.push({ what: 'directory', offset: geometry.directory.offset, length });
    }
    for (const { offset, bytes } of (await checkAvailChain(db)).blocks.slice(1)) {
      structures.push({ what: 'avail block', offset, length: bytes });
    }
    const misplaced: RejectedElement[] = [];
    for await (const { rejected } of judgeSites(db, survey, examination)) {
      for (const one of rejected) {
        const old = one.reason === 'superseded' || one.reason === 'duplicate';
        if (old && misplaced.length < MAX_MISPLACED) misplaced.push(one);
      }
    }
    const { marks } = examination;
    const histogram = new RecordHistogram(db.source.size);
    const sample = new RecordSample();
    await eachKept(db, survey, marks, (words, i) => {
      histogram.add(words.pointer(i));
      sample.add(words.pointer(i), words.keySize(i), words.dataSize(i));
    });
    const count = (take: (offset: number) => void) =>
      eachKept(db, survey, marks, (words, i) => take(words.pointer(i)));
    const parts = await divide(histogram, held, count);
    return new InForce(db, survey, { marks, misplaced, sample, structures, parts, held });
  }

  /** Parts in order, which together cover the file. Each is valid until the next one is asked for. */
  async *parts(): AsyncGenerator<InForcePart> {
    if (this.#only !== undefined) {
      yield this.#only;
      return;
    }
    const part = new InForcePart();
    for (const one of this.#parts) {
      await this.#read(part, one);
      if (this.#parts.length === 1) this.#only = part;
      yield part;
    }
  }

  async #read(part: InForcePart, { from, to, records }: FilePart): Promise<void> {
    const { geometry, format } = this.#db;
    const marks = this.#marks;
    const begins = (offset: number) => offset >= from && offset < to;
    const room = Math.min(records, this.#held);
    part.begin({ from, to }, room, records > room);
    for (const { what, offset, length } of this.#structures) {
      if (begins(offset)) part.add(what, offset, length);
    }
    const { size } = elementStruct(format.layout);
    for (const [s, site] of this.#survey.sites.entries()) {
      if (site.elements !== undefined) {
        for (const at of site.elements) if (begins(at)) part.add('bucket', at, size);
      } else if ((marks.kept[s] > 0 || provesItself(site)) && begins(site.offset)) {
        part.add('bucket', site.offset, geometry.bucketSize);
      }
    }
    let left = room;
    // If some records have no room, the one that reaches farthest is kept, so that its range does not seem to be
    // free.
    const longest = { keySize: 0, dataSize: 0, hash: 0 };
    await eachKept(this.#db, this.#survey, marks, (words, i) => {
      const offset = words.pointer(i);
      if (!begins(offset)) return;
      const [keySize, dataSize, hash] = [words.keySize(i), words.dataSize(i), words.hash(i)];
      if (left-- > 0) part.add('record', offset, dataSize, keySize, hash);
      else if (keySize + dataSize > longest.keySize + longest.dataSize) {
        Object.assign(longest, { keySize, dataSize, hash });
      }
    });
    part.add('record', from, longest.dataSize, longest.keySize, longest.hash);
    part.end();
  }
}
