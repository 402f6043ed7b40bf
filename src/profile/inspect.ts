import type { Finding, FindingCode } from '../check/finding.js';
import { finding, FindingList } from '../check/finding.js';
import type { PickleFault } from '../pickle/machine.js';
import { escapeStart } from '../report/escape.js';
import { PlaceSet } from '../salvage/placeset.js';
import { readSalvaged } from '../salvage/read.js';
import type { SalvagedBatch } from '../salvage/salvage.js';
import { memorySource, exact } from '../source/source.js';
import type { Source } from '../source/source.js';
import type { FoundBy, LostElement } from './detect.js';
import { asText, detectProfile } from './detect.js';
import type { ProfileKey, ProfileName } from './profiles.js';
import { profileOf } from './profiles.js';
import type { ValueState } from '../pickle/walk.js';
import { examineValue } from '../pickle/walk.js';

/** The contents of a database, judged by the needs of one program. */
export interface ProfileResult {
  readonly name: ProfileName;
  /** The evidence for the profile; `asked` if the user named it. */
  readonly found: 'asked' | FoundBy;
  readonly values: ValueCounts;
  /** The program's own keys that are there, in the order in which its profile has them. */
  readonly keys: readonly FoundKey[];
  /** Places of the records that the program cannot load, by the code of their finding. */
  readonly unloadable: ReadonlyMap<FindingCode, PlaceSet>;
  /** The required keys that are not there. */
  readonly missing: readonly string[];
  /** The first of each code, as many as a check keeps. */
  readonly findings: readonly Finding[];
  readonly findingCounts: Partial<Record<FindingCode, number>>;
  /**
   * True if the program loads it, as far as the structure tells: a class that cannot be imported is not noticed. An empty
   * database is usable.
   */
  readonly usable: boolean;
}

/** Numbers of values, by whether Python loads them. */
export interface ValueCounts {
  readonly whole: number;
  readonly damaged: number;
  /** Perhaps of protocol 0 or 1; not examined. */
  readonly old: number;
  readonly notPickle: number;
}

/** A key of the program's own, and its value. */
export interface FoundKey {
  readonly key: string;
  /** File offset of the record, that is of the key. */
  readonly offset: number;
  /** Bytes of the value. */
  readonly size: number;
  readonly state: ValueState['state'];
  /** Protocol of a whole pickle. */
  readonly protocol: number | undefined;
  /** Pairs of a class and a dict in its pickle: the tasks of a Flower's `events`. */
  readonly objects: number;
}

/** The number of tasks in a Flower's database; undefined for another program's. */
export function tasksIn(profile: ProfileResult | undefined): number | undefined {
  if (profile?.name !== 'flower') return undefined;
  return profile.keys.find(({ key }) => key === 'events')?.objects ?? 0;
}

/** Returns true for a value that is no pickle that Python loads. */
export function isBroken(state: ValueState['state']): boolean {
  return state === 'damaged' || state === 'not-pickle';
}

/** Bytes of a key that a finding shows. */
const SHOWN_KEY = 40;

/**
 * Examines every value of a database: is it one whole pickle, and are the keys there that a program needs? Reads every
 * value once; together at most as many bytes as the source has, because elements made to point at one large record must
 * not take for ever. Memory: a few MiB.
 *
 * @param records returns the records, from the beginning at each call; of several with one key the first whole one counts
 * @param wanted the profile; detected if it is left out
 * @param lost elements in use whose records are lost, which help to detect the profile
 * @throws SourceError if the source cannot be read
 */
export async function checkProfile(
  given: Source,
  records: () => AsyncIterable<SalvagedBatch>,
  wanted?: ProfileName,
  lost: readonly LostElement[] = [],
): Promise<ProfileResult> {
  const source = exact(given);
  const detected = wanted === undefined ? await detectProfile(source, records(), lost) : undefined;
  const name = wanted ?? detected!.name;
  const inspection = new Inspection(name);
  if (name !== 'none') {
    let claimable = source.size;
    for await (const { record, bytes } of readSalvaged(source, records(), 'whole')) {
      const { offset, keySize, dataSize } = record;
      claimable -= keySize + dataSize;
      if (claimable < 0) {
        inspection.leaveUnread(offset);
        continue;
      }
      const near = bytes === undefined ? source : heldSource(bytes, offset, source.size);
      const key = await near.read(offset, Math.min(keySize, 4096));
      inspection.take(key, record, await examineValue(near, offset + keySize, dataSize));
    }
  }
  return inspection.result(detected?.by ?? 'asked');
}

/** A source of bytes that were read already, at their place; no others can be read. */
function heldSource(bytes: Uint8Array, start: number, size: number): Source {
  const held = memorySource(bytes);
  return { size, read: (offset, length) => held.read(offset - start, length) };
}

/** The inspection of one record after another. */
class Inspection {
  readonly #name: ProfileName;
  readonly #own: readonly ProfileKey[];
  readonly #findings = new FindingList();
  readonly #counts = { whole: 0, damaged: 0, old: 0, notPickle: 0 };
  readonly #found = new Map<string, FoundKey>();
  readonly #unloadable = new Map<FindingCode, PlaceSet>();
  #records = 0;
  #keysAreText = true;

  constructor(name: ProfileName) {
    this.#name = name;
    this.#own = profileOf(name).keys;
  }

  take(
    bytes: Uint8Array,
    { offset, keySize, dataSize }: { offset: number; keySize: number; dataSize: number },
    value: ValueState,
  ): void {
    this.#records++;
    this.#counts[value.state === 'not-pickle' ? 'notPickle' : value.state]++;
    const key = asText(bytes, bytes.length < keySize);
    const shown = escapeStart(bytes, SHOWN_KEY);
    let wrong: FindingCode | undefined;
    if (key === undefined) {
      this.#keysAreText = false;
      wrong = 'key-not-text';
      this.#findings.add([finding(wrong, offset, `the key ${shown}`, 'text in UTF-8')]);
    }
    const own = this.#own.find((one) => one.key === key && bytes.length === keySize);
    if (value.state === 'damaged' || value.state === 'not-pickle') {
      const code = damageCode(this.#name, own, value.state);
      wrong ??= code;
      this.#findings.add([fault(code, `the value of ${shown}`, value.fault)]);
    } else if (value.state === 'old') {
      const expected = 'a pickle of protocol 2 to 5';
      this.#findings.add([
        finding('value-old-pickle', offset + keySize, `the value of ${shown} with no header`, expected),
      ]);
    }
    if (wrong !== undefined) {
      let places = this.#unloadable.get(wrong);
      if (places === undefined) this.#unloadable.set(wrong, (places = new PlaceSet()));
      places.add(offset, keySize, dataSize);
    }
    if (own === undefined) return;
    const earlier = this.#found.get(own.key);
    if (earlier !== undefined && (!isBroken(earlier.state) || isBroken(value.state))) return;
    const pickle = value.state === 'whole' ? value.pickle : undefined;
    this.#found.set(own.key, {
      key: own.key,
      offset,
      size: dataSize,
      state: value.state,
      protocol: pickle?.protocol,
      objects: pickle?.objects ?? 0,
    });
    if (pickle === undefined || own.kind === undefined || pickle.kind === own.kind) return;
    const [expected, found] = [own.kind, pickle.kind].map((kind) =>
      kind === 'anything' ? 'an object of a class' : `a pickle of ${kind}`,
    );
    this.#findings.add([finding('value-kind', offset + keySize, `${found} as ${own.key}`, expected)]);
  }

  leaveUnread(offset: number): void {
    this.#records++;
    this.#findings.add([finding('value-unread', offset, 'a value', 'values of no more bytes than the file')]);
  }

  result(found: ProfileResult['found']): ProfileResult {
    const missing = this.#own.filter(({ key, required }) => required && !this.#found.has(key));
    const absent = this.#records === 0 ? [] : missing.map(({ key }) => key);
    const code = this.#name === 'flower' ? 'flower-events-missing' : 'celerybeat-entry-missing';
    this.#findings.add(
      absent.map((key) => finding(code, null, `${this.#records} records, but no ${key}`, `the key ${key}`)),
    );
    return {
      name: this.#name,
      found,
      values: this.#counts,
      keys: this.#own.flatMap(({ key }) => this.#found.get(key) ?? []),
      unloadable: this.#unloadable,
      missing: absent,
      findings: this.#findings.kept,
      findingCounts: Object.fromEntries(this.#findings.counts),
      usable: this.#usable(absent),
    };
  }

  #usable(missing: readonly string[]): boolean {
    if (this.#records === 0 || this.#name === 'none') return true;
    if ([...this.#found.values()].some(({ state }) => isBroken(state))) return false;
    // Beat starts without its keys, with an empty schedule; but clearing the old one loads every value.
    const all = this.#counts.damaged + this.#counts.notPickle === 0 && this.#keysAreText;
    if (this.#name === 'flower') return missing.length === 0;
    return this.#name === 'celerybeat' && missing.length === 0 ? true : all;
  }
}

function damageCode(
  name: ProfileName,
  own: ProfileKey | undefined,
  state: 'damaged' | 'not-pickle',
): FindingCode {
  if (own === undefined) return state === 'damaged' ? 'value-pickle' : 'value-not-pickle';
  if (name === 'celerybeat') return 'celerybeat-entry-damaged';
  return own.key === 'events' ? 'flower-events-damaged' : 'flower-counter-damaged';
}

function fault(code: FindingCode, what: string, { at, opcode, found, expected }: PickleFault): Finding {
  const where = opcode === undefined ? what : `${what}, opcode ${opcode}`;
  return finding(code, at, `${where}: ${found}`, expected);
}
