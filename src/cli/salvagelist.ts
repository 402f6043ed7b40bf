import type { RejectedElement } from '../check/record.js';
import type { MovedBytes } from '../database/database.js';
import { placeNow } from '../database/database.js';
import { escapeBytes, escapeStart, jsonText } from '../report/escape.js';
import type { CarvedFind } from '../salvage/carved.js';
import type { OldRecord } from '../salvage/oldrecord.js';
import type { Overlay } from '../salvage/overwritten.js';
import { MAX_OVERLAYS } from '../salvage/overwritten.js';
import { WHOLE_KEY } from '../salvage/read.js';
import type { SalvagedRecord } from '../salvage/salvage.js';
import type { Source } from '../source/source.js';
import { readUpTo } from '../source/source.js';
import { sha256OfRange } from './statement.js';
import { Output } from './terminal.js';

/** Bytes of a longer key that are shown, and of the key of a record that overwrote another one. */
const SHOWN_KEY = 1024;
const SHOWN_OTHER = 48;
/** Bytes before a value without a key that are shown: they may end with its key. */
const SHOWN_BEFORE = 256;
/** Bytes of a key of a record that overwrote another one, as JSON has it. */
const OTHER_KEY = 4096;

const REASONS: Readonly<Record<string, string>> = {
  hash: 'its hash is impossible',
  bounds: 'it lies outside the file',
  gone: 'some of its bytes are missing from the file',
  key: 'its key does not give its hash',
  unchecked: 'its key would cost too much to read',
};

/** Bytes of values that are hashed, for each byte of the file: the values of a damaged file may overlap. */
const HASHED_PER_BYTE = 8;

/** The file whose records are listed. */
export type ListedFile = MovedBytes & { readonly source: Source };

/** The list that `salvage` prints: a line for each find, as text or as JSON, and the sums. */
export class SalvageList {
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
      const name = `${escapeStart(keyStart, 4)}… (${keySize} bytes of key; ${REASONS[reason] ?? reason})`;
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

  /**
   * Ends the list with the sums.
   *
   * @param dropped old records that were too many to be held
   */
  async end(dropped: number): Promise<void> {
    if (!this.#json) {
      const classes = [...this.#counts].map(([name, n]) => `${n.toLocaleString('en-US')} ${name}`);
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

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
