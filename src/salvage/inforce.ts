import { eachKept } from '../check/accounting.js';
import { checkAvailChain } from '../check/avail.js';
import { examine } from '../check/examination.js';
import { judgeSites } from '../check/judge.js';
import type { ElementMarks } from '../check/marks.js';
import type { RejectedElement } from '../check/record.js';
import type { Region } from '../check/sound/regions.js';
import { planRegions, RecordHistogram } from '../check/sound/regions.js';
import type { Database } from '../database/database.js';
import type { Survey } from '../database/survey.js';
import { provesItself } from '../database/survey.js';
import { elementStruct } from '../format/bucket.js';
import { offsetSize } from '../format/layout.js';
import type { SearchedSurvey } from '../orphans/adopt.js';
import type { Holder } from './inforcepart.js';
import { InForcePart } from './inforcepart.js';

/** Elements of buckets in force that are not in force themselves; so many are remembered. */
const MAX_MISPLACED = 1 << 18;
/** Records of a part of the file. */
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
 * Everything in force, a part of the file at a time: all of it would be 24 bytes for each record. It is read from the
 * buckets for each part.
 */
export class InForce {
  /** Elements that are superseded, or the second ones of a key, in buckets that are in force for other hashes. */
  readonly misplaced: readonly RejectedElement[];
  readonly #db: Database;
  readonly #survey: Survey;
  readonly #marks: ElementMarks;
  /** Of those that are no bucket. */
  readonly #structures: readonly Structure[];
  readonly #regions: readonly Region[];
  readonly #counts: RecordHistogram;
  /** The part, where there is only one and it was read. */
  #only: InForcePart | undefined;

  private constructor(
    db: Database,
    survey: Survey,
    known: {
      readonly marks: ElementMarks;
      readonly misplaced: readonly RejectedElement[];
      readonly structures: readonly Structure[];
      readonly counts: RecordHistogram;
      readonly held: number;
    },
  ) {
    this.#db = db;
    this.#survey = survey;
    this.#marks = known.marks;
    this.misplaced = known.misplaced;
    this.#structures = known.structures;
    this.#counts = known.counts;
    this.#regions = regionsOf(known.counts, known.held);
  }

  /**
   * One pass through the buckets.
   *
   * @param held records that are held at a time, where not more begin in one of the histogram's slices
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
    const counts = new RecordHistogram(db.source.size);
    await eachKept(db, survey, marks, (words, i) => {
      counts.add(words.pointer(i));
    });
    return new InForce(db, survey, { marks, misplaced, structures, counts, held });
  }

  /** The parts, in order; together they are the file. Each is good until the next one is asked for. */
  async *parts(): AsyncGenerator<InForcePart> {
    if (this.#only !== undefined) {
      yield this.#only;
      return;
    }
    const part = new InForcePart();
    for (const region of this.#regions) {
      await this.#read(part, region);
      if (this.#regions.length === 1) this.#only = part;
      yield part;
    }
  }

  async #read(part: InForcePart, region: Region): Promise<void> {
    const { geometry, format } = this.#db;
    const { from, to } = region;
    const marks = this.#marks;
    const begins = (offset: number) => offset >= from && offset < to;
    part.begin(region, this.#counts.countIn(region));
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
    await eachKept(this.#db, this.#survey, marks, (words, i) => {
      const offset = words.pointer(i);
      if (begins(offset)) part.add('record', offset, words.dataSize(i), words.keySize(i), words.hash(i));
    });
    part.end();
  }
}

/** Where more records begin in one slice than are to be held, a part has so many. */
function regionsOf(counts: RecordHistogram, held: number): Region[] {
  for (let most = held; ; most *= 2) {
    const regions = planRegions(counts, most);
    if (regions !== undefined) return regions;
  }
}
