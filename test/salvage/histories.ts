import { readFile } from 'node:fs/promises';
import { openSearched } from '../../src/examine.js';
import { FreeRanges } from '../../src/salvage/freeranges.js';
import type { Confidence } from '../../src/salvage/confidence.js';
import { findOld } from '../../src/salvage/old.js';
import { memorySource } from '../../src/source/source.js';
import type { Step } from '../tools/libgdbm.js';
import { LibGdbm } from '../tools/libgdbm.js';
import { Random } from '../tools/random.js';

/** A program: it makes the n-th of its keys, and a value in some step. */
interface Program {
  readonly keyOf: (n: number) => string | Uint8Array;
  readonly valueOf: (step: number, random: Random) => string | Uint8Array;
}

const times = (count: number, make: () => string) => Array.from({ length: count }, make).join(' ');
const WORDS = ['lorem', 'ipsum', 'dolor', 'sit', 'amet'];

/** A pickle of protocol 2 as Python writes one of a small tuple. */
function pickleOf(step: number, random: Random): Uint8Array {
  const text = Buffer.from('x'.repeat(random.below(40)));
  const number = Buffer.from([0x4b, step & 255]);
  const string = Buffer.concat([Buffer.from([0x58, text.length, 0, 0, 0]), text]);
  return Buffer.concat([Buffer.from([0x80, 2]), number, string, Buffer.from([0x86, 0x2e])]);
}

/** Programs with different keys and values, by what these look like. */
export const PROGRAMS: Readonly<Record<string, Program>> = {
  'numbered users, text of any size': {
    keyOf: (n) => `user:${n}`,
    valueOf: (step, random) => `<${step}|${random.pick(['a', 'b', 'c']).repeat(random.below(200))}>`,
  },
  'numbers, and numbers': { keyOf: (n) => `${n}`, valueOf: (_, random) => `${random.below(1000)}` },
  'numbered keys, numbers of 12 digits': {
    keyOf: (n) => `key${n}`,
    valueOf: (step) => String(step).padStart(12, '0'),
  },
  'sessions, JSON': {
    keyOf: (n) => `session-${n * 7919}`,
    valueOf: (step, random) => `{"n":${step},"x":"${random.pick(['x', 'y', 'z']).repeat(random.below(80))}"}`,
  },
  'keys and values of one size together': {
    keyOf: (n) => 'x'.repeat(1 + (n % 6)) + n,
    valueOf: (_, random) => 'y'.repeat(4 + random.below(6)),
  },
  'three bytes, any bytes': {
    keyOf: (n) => Uint8Array.of(n & 255, n >> 8, 1),
    valueOf: (_, random) => random.bytes(random.below(50)),
  },
  'task numbers, pickles': {
    keyOf: (n) => `task-${(n * 0x9e3779b1).toString(16).padStart(12, '0')}-${n}`,
    valueOf: pickleOf,
  },
  'words, words': {
    keyOf: (n) => `${['alpha', 'beta', 'gamma'][n % 3]}.${['one', 'two'][n % 2]}${n}`,
    valueOf: (_, random) => times(random.below(30), () => random.pick(WORDS)),
  },
  'addresses, 16 random bytes': {
    keyOf: (n) => `u${n}@example.${['org', 'com', 'net'][n % 3]}`,
    valueOf: (_, random) => random.bytes(16),
  },
  'numbers of 32 bits, structures': {
    keyOf: (n) => Buffer.from(Uint32Array.of(n).buffer),
    valueOf: (step, random) =>
      Buffer.from(Float64Array.of(step, random.below(1e6), ...Array<number>(random.below(3)).fill(1)).buffer),
  },
  'paths, file status, both with a zero byte': {
    keyOf: (n) => `/var/spool/${n % 30}/${n}\0`,
    valueOf: (step, random) => `${1_600_000_000 + step * 17} ${random.below(100_000)} root 644\0`,
  },
  'names, pages of 4 KB': {
    keyOf: (n) => `page-${n}.html`,
    valueOf: (step, random) => `<html>${step} ${times(random.below(800), () => random.pick(WORDS))}</html>`,
  },
};

/** The number of old records that are whole in free space, and of those that were listed. */
export interface Listed {
  readonly whole: number;
  found: number;
  /** Listed with each confidence, and how many of them were stored so. */
  readonly by: Record<Confidence, { listed: number; right: number }>;
}

export const nothingListed = (whole = 0): Listed => ({
  whole,
  found: 0,
  by: { high: none(), medium: none(), low: none(), trace: none() },
});
const none = () => ({ listed: 0, right: 0 });

/**
 * Runs a history of stores, replacements and deletions with the real library, and lists what is left of its old records.
 *
 * @param spec `keys` that there are, at most; `joined` lets libgdbm join free ranges, which it does not by default
 */
export async function listOldOf(
  lib: LibGdbm,
  path: string,
  { keyOf, valueOf }: Program,
  spec: { readonly steps: number; readonly keys: number; readonly seed: number; readonly joined?: boolean },
): Promise<Listed> {
  const random = new Random(spec.seed);
  const last = new Map<string, string>();
  const stored = new Set<string>();
  const steps: Step[] = [];
  const latin1 = (text: string | Uint8Array) => Buffer.from(text as string, 'latin1');
  for (let step = 0; step < spec.steps; step++) {
    const key = latin1(keyOf(random.below(spec.keys)));
    const name = key.toString('latin1');
    if (last.has(name) && random.below(5) < 2) {
      last.delete(name);
      steps.push(['delete', key]);
      continue;
    }
    const value = latin1(valueOf(step, random));
    steps.push(['store', key, value]);
    last.set(name, value.toString('latin1'));
    stored.add(`${name.length} ${name}${value.toString('latin1')}`);
  }
  await lib.create(path, steps, { coalesce: spec.joined === true });

  const bytes = await readFile(path);
  const searched = (await openSearched(memorySource(bytes), undefined, { old: true }))!;
  const { db, survey } = searched;
  const textAt = (offset: number, length: number) =>
    bytes.subarray(offset, offset + length).toString('latin1');
  const ranges = await FreeRanges.read(db, survey.sites);
  const pairs = new Set([...stored].map((one) => one.slice(one.indexOf(' ') + 1)));
  /** The places of old records that are whole in free space. */
  const whole = new Set<string>();
  for (let i = 0; i < ranges.length; i++) {
    const [offset, length] = [ranges.offsetOf(i), ranges.lengthOf(i)];
    if (pairs.has(textAt(offset, length))) whole.add(`${offset} ${length}`);
  }
  const listed = nothingListed(whole.size);
  for (const { offset, keySize, dataSize, confidence } of await findOld(db, survey)) {
    const isRight = confidence !== 'trace' && stored.has(`${keySize} ${textAt(offset, keySize + dataSize)}`);
    listed.by[confidence].listed++;
    if (!isRight) continue;
    listed.by[confidence].right++;
    if (whole.delete(`${offset} ${keySize + dataSize}`)) listed.found++;
  }
  return listed;
}
