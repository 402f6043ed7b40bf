import { openRegularFile } from '../api/checkedfile.js';
import type { Found } from '../api/salvage.js';
import { carveFound, findAll, isListed } from '../api/salvage.js';
import type { CheckResult } from '../check/check.js';
import type { RejectedElement } from '../check/marks.js';
import type { MovedBytes } from '../database/database.js';
import { placeNow } from '../database/database.js';
import { identifySource, isDeclared } from '../database/identify.js';
import { named } from '../report/advice.js';
import { base64, escapeBytes, escapeStart, jsonText, number, shellPath } from '../report/escape.js';
import { REASON_OF_ONE } from '../report/sentences.js';
import { statementText } from '../report/text.js';
import type { CarvedFind } from '../salvage/carved.js';
import { carveUnknown } from '../salvage/carved.js';
import type { OldRecord } from '../salvage/oldrecord.js';
import type { Overlay } from '../salvage/overwritten.js';
import { MAX_OVERLAYS } from '../salvage/overwritten.js';
import { visitKeys, WHOLE_KEY } from '../salvage/read.js';
import type { SalvagedRecord } from '../salvage/salvage.js';
import type { FileSource } from '../source/file.js';
import type { Source } from '../source/source.js';
import { readUpTo, reportReading } from '../source/source.js';
import { RefusedError } from '../store/errors.js';
import { tellIfChanged, tellUndone } from './file.js';
import { decodeKey, defineCommand, expectKey, file, hash, json } from './options.js';
import { EXIT, Output, print, tell } from './terminal.js';
import type { ProgressLine } from './progress.js';
import { progressLine } from './progress.js';
import { sha256OfRange, statementNow, withEvidence } from './statement.js';
import type { ExitCode } from './terminal.js';

/** Lists every record that is still in a file, how it was found and where it is; never writes. */
export const command = defineCommand(
  (parser) =>
    parser
      .positional('file', file)
      .options({
        deleted: {
          type: 'boolean',
          default: false,
          describe: 'Also what was deleted or replaced, what overwrote it, and how sure it is',
        },
        carve: {
          type: 'boolean',
          default: false,
          describe: 'Also values that only their own shape tells: Python pickles',
        },
        'expect-key': expectKey,
        hash: {
          ...hash,
          describe: 'SHA-256 of the file before and after, and of each value; how it was made',
        },
        json: { ...json, describe: 'A line of JSON for each record' },
      })
      .example('$0 salvage broken.db', 'What is there, wherever it is')
      .example('$0 salvage --carve --expect-key events flower.db', 'Values whose elements are gone')
      .example('$0 salvage --deleted --json case.db > records.ndjson', 'For an examiner'),
  async ({ file, deleted, carve, expectKey = [], hash, json }) => {
    const expectKeys = expectKey.map((key) => decodeKey(key, 'utf8'));
    const options = { file, deleted, carve, expectKeys, hash, json };
    const { result: exit, evidence } = await withEvidence(file, hash, () => salvageFile(options));
    if (hash) {
      const statement = await statementNow(evidence);
      await print(json ? `${jsonText({ kind: 'statement', ...statement })}\n` : statementText(statement));
    }
    return exit;
  },
);

interface SalvageOptions {
  readonly file: string;
  readonly deleted: boolean;
  readonly carve: boolean;
  readonly expectKeys: readonly Uint8Array[];
  readonly hash: boolean;
  readonly json: boolean;
}

async function salvageFile(options: SalvageOptions): Promise<ExitCode> {
  const { file } = options;
  const opened = await openRegularFile(file, true);
  const progress = progressLine('salvaging');
  const source = reportReading(opened, progress.report);
  try {
    const exit = await salvageSource(source, options, progress);
    await tellIfChanged(file, source);
    return exit;
  } finally {
    progress.end();
    await source.close();
  }
}

async function salvageSource(
  source: FileSource,
  options: SalvageOptions,
  progress: ProgressLine,
): Promise<ExitCode> {
  const { file, deleted } = options;
  const found = await findAll(source, { deleted, report: progress.report });
  progress.end();
  if (found === undefined) {
    const other = await identifySource(source, file);
    if (options.carve && !isDeclared(other)) return listCarved(source, options, progress);
    const what = other.kind === 'unknown' ? 'nothing of one' : named(other.what, file);
    throw new RefusedError(
      'io',
      `${file}: expected a GDBM database, found ${what}. See: gdbm-doctor check ${shellPath(file)}`,
    );
  }
  tellImage(file, found.checked);
  tellUndone(file, found.db);
  return listAll(options, progress, found);
}

/** Warns if the file is an image with the database in it. */
function tellImage(file: string, { image }: CheckResult): void {
  if (image === undefined) return;
  const { found, offset } = image.finding;
  tell(`${file}: ${found}. What is listed is of the one at ${offset}.`);
}

/** Lists the values that only their shape tells, of a file that is not recognised as a database. */
async function listCarved(
  source: FileSource,
  options: SalvageOptions,
  progress: ProgressLine,
): Promise<ExitCode> {
  const list = new SalvageList({ source, layout: undefined }, options);
  const finds = await carveUnknown(source, options.expectKeys, (done, all) =>
    progress.report?.('looking for values by their shape', done, all),
  );
  progress.end();
  for (const one of finds) await list.carved(one);
  await list.end(0);
  return EXIT.ok;
}

async function listAll(options: SalvageOptions, progress: ProgressLine, found: Found): Promise<ExitCode> {
  const { deleted, carve, expectKeys } = options;
  const { db, records, unproved = [], old } = found;
  const list = new SalvageList(db, options);
  await list.undone(found.checked);
  await visitKeys(db.source, records, (record, key) => list.record(record, key));
  for (const one of unproved) await list.unproved(one);
  for (const one of old ?? []) {
    if (isListed(one, deleted)) await list.old(one);
  }
  if (deleted) list.expect('deleted');
  if (carve) {
    const finds = await carveFound(found, expectKeys, (done, all) =>
      progress.report?.('looking for values by their shape', done, all),
    );
    for (const one of finds) await list.carved(one);
    progress.end();
  }
  await list.end(old?.dropped ?? 0);
  return EXIT.ok;
}

/** Bytes of a longer key that are shown, and of the key of a record that overwrote another one. */
const SHOWN_KEY = 1024;
const SHOWN_OTHER = 48;
/** Bytes before a value without a key that are shown: they may end with its key. */
const SHOWN_BEFORE = 256;
/** Bytes of a key of a record that overwrote another one, as JSON has it. */
const OTHER_KEY = 4096;

/** Bytes of values that are hashed, for each byte of the file: the values of a damaged file may overlap. */
const HASHED_PER_BYTE = 8;

/** The file whose records are listed. */
type ListedFile = MovedBytes & { readonly source: Source };

/** The list that `salvage` prints: a line for each find, as text or as JSON, and the sums. */
class SalvageList {
  readonly #db: ListedFile;
  readonly #json: boolean;
  readonly #hash: boolean;
  readonly #out = new Output();
  readonly #counts = new Map<string, number>();
  #hashable: number;
  #notHashed = 0;

  constructor(db: ListedFile, { json, hash }: { readonly json: boolean; readonly hash: boolean }) {
    this.#db = db;
    this.#json = json;
    this.#hash = hash;
    this.#hashable = HASHED_PER_BYTE * db.source.size;
  }

  /** A record in force. */
  record(record: SalvagedRecord, key: Uint8Array): Promise<void> | undefined {
    const { provenance, dataSize, offset } = record;
    this.#count(provenance);
    if (!this.#json) return this.#line(provenance, dataSize, offset, escapeStart(key, SHOWN_KEY));
    return this.#proved(record, key);
  }

  async #proved(record: SalvagedRecord, key: Uint8Array): Promise<void> {
    const { provenance } = record;
    const name =
      key.length < record.keySize
        ? { key: null, keyStart: base64(key.subarray(0, 4)) }
        : { key: base64(key) };
    const proof = { ...name, provenance, confidence: 'proved', overwritten: false };
    await this.#object({ kind: 'record', ...proof, ...this.#place(record), ...(await this.#sum(record)) });
  }

  /** Changes of all bytes of the file that were undone, for programs; all offsets are those of the file before. */
  async undone({ undone = [] }: CheckResult): Promise<void> {
    if (!this.#json) return;
    for (const one of undone) await this.#object({ kind: 'undone', ...one });
  }

  /** A record that is no longer in force, with the bytes known to be overwritten. */
  async old(one: OldRecord): Promise<void> {
    const { provenance, confidence, dataSize, keySize, offset, overwritten, shape, shared, replaced, freed } =
      one;
    this.#count(`${provenance} ${confidence}`);
    const isTrace = confidence === 'trace';
    const key = isTrace || keySize > WHOLE_KEY ? undefined : await this.#db.source.read(offset, keySize);
    if (!this.#json) {
      const name =
        key === undefined
          ? `${escapeStart(one.keyStart, 4)}… (${keySize} bytes of key)`
          : escapeStart(key, SHOWN_KEY);
      return this.#line(provenance, dataSize, offset, `${name} (${await this.#noteOf(one)})`);
    }
    const by = [];
    for (const overlay of overwritten.by) {
      const other = await this.#keyOf(overlay);
      const { what, bytes } = overlay;
      const at = placeNow(this.#db, overlay.offset);
      by.push({ what, offset: at, bytes, ...(other && { key: base64(other) }) });
    }
    await this.#object({
      kind: 'record',
      key: key === undefined ? null : base64(key),
      keyStart: base64(one.keyStart),
      provenance,
      confidence,
      overwritten: overwritten.key + overwritten.value > 0 || isTrace,
      overwrittenKeyBytes: overwritten.key,
      overwrittenValueBytes: overwritten.value,
      overwrittenBy: by,
      sharesPlace: shared,
      replaced,
      freed,
      shape: shape === undefined ? null : shape.name,
      shapeWhole: shape === undefined ? null : shape.whole,
      ...this.#place(one),
      ...(await this.#sum(one)),
    });
  }

  /** An element in use that proves no record. */
  async unproved(one: RejectedElement): Promise<void> {
    const { reason, keyStart, hash, keySize, dataSize, offset } = one;
    this.#count('unproved');
    if (!this.#json) {
      const name = `${escapeStart(keyStart, 4)}… (${keySize} bytes of key; ${REASON_OF_ONE[reason] ?? reason})`;
      return this.#line('unproved', dataSize, offset, name);
    }
    const said = { reason, hash, keyStart: base64(keyStart) };
    await this.#object({ kind: 'element', key: null, provenance: 'unproved', ...said, ...this.#place(one) });
  }

  /** A value that no element refers to. */
  async carved({ shape, offset, size, key, freed, before }: CarvedFind): Promise<void> {
    this.#count(key === undefined ? 'carved without a key' : 'carved');
    const { source } = this.#db;
    const name = key === undefined ? undefined : await source.read(key.offset, key.size);
    const at = key?.offset ?? offset;
    const shown = Math.min(before, SHOWN_BEFORE);
    const gap = name === undefined ? await readUpTo(source, offset - shown, shown) : undefined;
    if (!this.#json) {
      const hint =
        gap === undefined || gap.length === 0
          ? ''
          : `; before it "${escapeBytes(gap.subarray(-SHOWN_OTHER))}"`;
      const text = name === undefined ? `a ${shape}, key not known${hint}` : escapeStart(name, SHOWN_KEY);
      return this.#line('carved', size, at, `${text}${freed ? ' (in free space)' : ''}`);
    }
    const keySize = key?.size ?? 0;
    const place = { offset: at, keySize, dataSize: size };
    await this.#object({
      kind: 'value',
      key: name === undefined ? null : base64(name),
      provenance: 'carved',
      shape,
      confidence: key === undefined || freed ? 'low' : 'medium',
      overwritten: false,
      before,
      ...(gap !== undefined && { beforeBytes: base64(gap) }),
      ...this.#place({ ...place, bucket: -1, element: -1 }),
      ...(await this.#sum(place)),
    });
  }

  /** Makes the sums say so if none is found of a kind that was asked for. */
  expect(kind: 'deleted'): void {
    const isFound = [...this.#counts.keys()].some((name) => name.startsWith(kind));
    if (!isFound) this.#counts.set(kind, 0);
  }

  /**
   * Ends the list with the sums.
   *
   * @param dropped old records that were too many to be held
   */
  async end(dropped: number): Promise<void> {
    if (!this.#json) {
      const classes = [...this.#counts].map(([name, n]) => `${number(n)} ${name}`);
      await this.#out.add(`found: ${classes.length === 0 ? 'nothing' : classes.join(', ')}\n`);
      if (dropped > 0) await this.#out.add(`not listed: ${dropped} old elements more, too many to be held\n`);
    } else {
      if (dropped > 0) await this.#object({ kind: 'dropped', elements: dropped });
      if (this.#notHashed > 0) await this.#object({ kind: 'not-hashed', values: this.#notHashed });
    }
    await this.#out.flush();
  }

  /** The facts about an old record besides its place. */
  async #noteOf(one: OldRecord): Promise<string> {
    const { confidence, overwritten, keySize, dataSize, shape, shared, replaced, freed, provenance } = one;
    const notes = [confidence === 'trace' ? 'trace: the key is overwritten' : `confidence ${confidence}`];
    if (replaced) notes.push('the key has a newer value');
    if (shape !== undefined)
      notes.push(`${shape.whole ? 'a whole' : 'begins as, but is no whole'} ${shape.name}`);
    if (confidence === 'low' && overwritten.key + overwritten.value === 0 && shape === undefined && !shared) {
      const isUnlisted = provenance === 'deleted' && !freed;
      notes.push(isUnlisted ? 'no list of free space has just its bytes' : "the key may be another record's");
    }
    if (one.element < 0) notes.push('only a list of free space has it');
    if (shared) notes.push('another old record began at the same place');
    const parts = [
      ...(overwritten.key > 0 ? [`${overwritten.key} of ${keySize} bytes of the key`] : []),
      ...(overwritten.value > 0 ? [`${overwritten.value} of ${dataSize} bytes of the value`] : []),
    ];
    if (parts.length > 0) {
      const by: string[] = [];
      for (const overlay of overwritten.by.slice(0, 3)) by.push(await this.#nameOf(overlay));
      const more = overwritten.by.length - by.length;
      const rest = more > 0 ? ` and ${overwritten.by.length === MAX_OVERLAYS ? 'more' : `${more} more`}` : '';
      notes.push(`overwritten: ${parts.join(' and ')}, by ${by.join(', ')}${rest}`);
    }
    return notes.join('; ');
  }

  async #nameOf(overlay: Overlay): Promise<string> {
    const key = await this.#keyOf(overlay);
    const article = overlay.what === 'old record' ? 'an' : overlay.what === 'superseded bucket' ? 'a' : 'the';
    const name =
      key === undefined ? ` at ${placeNow(this.#db, overlay.offset)}` : ` ${escapeStart(key, SHOWN_OTHER)}`;
    return `${article} ${overlay.what}${name}`;
  }

  async #keyOf({ what, offset, keySize }: Overlay): Promise<Uint8Array | undefined> {
    if (what !== 'record' && what !== 'old record') return undefined;
    return this.#db.source.read(offset, Math.min(keySize, OTHER_KEY));
  }

  /** The place of a record. Offsets are those of the file as it is now, if its beginning is lost or blocks were moved. */
  #place(one: Pick<SalvagedRecord, 'offset' | 'keySize' | 'dataSize' | 'bucket' | 'element'>) {
    const { offset, keySize, dataSize, bucket, element } = one;
    const now = placeNow(this.#db, offset);
    const at = now < 0 ? { offset: null, offsetBefore: offset } : { offset: now };
    const place = { ...at, length: keySize + dataSize, keySize };
    // No element has a carved value, or a record that only a list of free space names.
    const from = {
      bucket: bucket < 0 ? null : placeNow(this.#db, bucket),
      element: element < 0 ? null : element,
    };
    return { ...place, valueSize: dataSize, ...from };
  }

  async #sum({ offset, keySize, dataSize }: Pick<SalvagedRecord, 'offset' | 'keySize' | 'dataSize'>) {
    if (!this.#hash) return {};
    this.#hashable -= dataSize;
    if (this.#hashable < 0) {
      this.#hashable += dataSize;
      this.#notHashed++;
      return { valueSha256: null };
    }
    return { valueSha256: await sha256OfRange(this.#db.source, offset + keySize, dataSize) };
  }

  #count(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  #line(name: string, bytes: number, offset: number, text: string): Promise<void> | undefined {
    const now = placeNow(this.#db, offset);
    const at = now < 0 ? `gone from ${offset}` : `at ${now}`;
    return this.#out.add(`${name.padEnd(8)} ${String(bytes).padStart(10)} bytes ${at}  ${text}\n`);
  }

  async #object(value: object): Promise<void> {
    await this.#out.add(`${jsonText(value)}\n`);
  }
}
