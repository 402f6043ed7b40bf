import type { BuildResult } from './builder.js';
import { Frame } from './frame.js';
import { directorySizeFor, slotOf } from '../format/directory.js';
import type { Sink } from './sink.js';
import type { BuildSpec } from './spec.js';
import { deepestSplit } from './spec.js';
import type { Examination } from '../check/examination.js';
import { KEPT, START } from '../check/marks.js';
import { SiteReader } from '../check/bucketreader.js';
import type { RecordRuns } from '../check/space.js';
import type { Database } from '../database/database.js';
import type { Survey } from '../database/survey.js';
import { BucketView, KEY_START } from '../format/bucket.js';
import { FREE_HASH } from '../format/hash.js';
import { planKept } from './keptranges.js';
import { Places } from './places.js';
import { copyRuns } from './stretches.js';

/** A database whose elements were examined and whose records share no byte. */
export interface KeptRecords {
  readonly db: Database;
  readonly survey: Survey;
  readonly examination: Examination;
  readonly runs: RecordRuns;
}

/**
 * Writes a fresh copy of a damaged database with the records that its elements prove: the records in order of their
 * places, then each bucket without the elements that prove none, new buckets for what is not in a bucket of its own
 * range of hashes, the directory and the header. Memory is 8 bytes for each directory entry and for each run of records,
 * 100 for each bucket and 28 for each record of a new bucket.
 *
 * @returns undefined, with nothing written, where records must be looked at one by one: see {@link planKept}
 * @throws BuildError if offsets of the format do not reach so far
 */
export async function relocateKept(
  kept: KeptRecords,
  spec: BuildSpec,
  sink: Sink,
): Promise<BuildResult | undefined> {
  const { db, survey, examination, runs } = kept;
  const { bucketSize, blockSize, format } = spec;
  const plan = await planKept(db, survey, examination, deepestSplit(spec));
  if (plan === undefined) return undefined;
  const { ranges, loose, order } = plan;
  const places = new Places(runs, blockSize);
  const frame = new Frame(sink, spec);
  frame.requireOffset(blockSize + places.bytes + ranges.length * bucketSize);

  // 1. The records.
  await copyRuns(db.source, runs, frame);

  // 2. The buckets.
  const { marks } = examination;
  const { elements } = marks;
  const directoryBits = ranges.reduce(
    (bits, range) => Math.max(bits, range.bits),
    directorySizeFor(format.layout, blockSize).bits,
  );
  const directory = new Float64Array(2 ** directoryBits);
  const reader = new SiteReader(db);
  const bytes = new Uint8Array(bucketSize);
  const bucket = new BucketView(bytes, format, elements);
  let at = 0;
  let before = FREE_HASH;
  const freeFor = (hash: number): number => {
    // What has the hash of the one before it finds no place before that one's.
    if (hash !== before) at = hash % elements;
    before = hash;
    while (bucket.hash(at) !== FREE_HASH) at = at + 1 === elements ? 0 : at + 1;
    return at;
  };
  for (const { first, bits, site, from, to } of ranges) {
    const slot = slotOf(first, directoryBits);
    directory.fill(frame.out.position, slot, slot + 2 ** (directoryBits - bits));
    bytes.fill(0);
    before = FREE_HASH;
    for (let i = 0; i < elements; i++) bucket.setHash(i, FREE_HASH);
    if (site === undefined) {
      bucket.setHead(bits, to - from);
      for (const i of order.subarray(from, to)) {
        const [keySize, dataSize] = [loose.keySize(i), loose.dataSize(i)];
        bucket.setElement(freeFor(loose.hash(i)), {
          hash: loose.hash(i),
          key_start: await db.source.read(loose.offset(i), Math.min(KEY_START, keySize)),
          data_pointer: places.of(loose.offset(i), keySize + dataSize),
          key_size: keySize,
          data_size: dataSize,
        });
      }
    } else {
      bucket.setHead(bits, marks.kept[site]);
      const words = await reader.read(survey.sites[site]);
      for (let i = 0, mark = site * elements; i < elements; i++, mark++) {
        if ((marks.flags[mark] & KEPT) === 0) continue;
        const place = freeFor(words.hash(i));
        const keySize = words.keySize(i);
        bucket.moveElement(place, reader.view, places.of(words.pointer(i), keySize + words.dataSize(i)), i);
        if ((marks.flags[mark] & START) !== 0) {
          bucket.keyStart(place).set(await db.source.read(words.pointer(i), Math.min(KEY_START, keySize)));
        }
      }
    }
    await frame.out.append(bytes);
  }

  // 3. The directory and, last, the header.
  const size = await frame.close(directory);
  return { records: examination.records, duplicates: 0, crowded: 0, size };
}
