import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Format, Variant } from '../../src/format/format.js';
import { describeFormat, LAYOUT_64 } from '../../src/format/format.js';
import type { HashChar } from '../../src/format/hash.js';
import { MACHINES } from '../format/formats.js';
import type { Step } from '../tools/libgdbm.js';
import { LibGdbm } from '../tools/libgdbm.js';
import { MiniGdbm } from '../tools/minigdbm.js';
import { Random } from '../tools/random.js';
import type { Intact } from './intact.js';
import { intactOf } from './intact.js';
import type { LifeSpec } from './life.js';
import { growingLifeOf, historyOf, jsonLifeOf, lifeOf, mailLifeOf, nestingLifeOf } from './life.js';

export interface DatabaseSpec extends LifeSpec {
  readonly blockSize: number;
  readonly seed: number;
  /** Steps of the database's life, where it is not that of mixed keys and values. */
  readonly life?: (random: Random, spec: LifeSpec) => Step[];
}

/** The format that the real library of this machine writes; the suite's machines are amd64 and arm64. */
export const NATIVE: Format = { byteOrder: 'little', layout: LAYOUT_64, variant: 'standard' };

const everyFormat = [...formats('standard'), ...formats('numsync')];

/** Small databases in every format. */
export function miniDatabases(seed: number): Intact[] {
  const spec = { seed, records: 700, maxValue: 300, blockSize: 512 };
  return everyFormat.map((format) => miniDatabase(format, spec));
}

/** Databases of the real library: JSON values under long keys, and keys and values of mixed sizes up to 100 KB. */
export function applicationDatabases(seed: number): Promise<Intact[]> {
  const json = { seed, life: jsonLifeOf };
  return Promise.all([
    realDatabase({ ...json, records: 1500, blockSize: 512 }),
    realDatabase({ ...json, records: 560, blockSize: 4096 }),
    realDatabase({ seed, records: 560, blockSize: 512, maxValue: 2000 }),
    realDatabase({ seed, records: 700, blockSize: 4096, maxValue: 4000 }),
    realDatabase({ seed, records: 1000, blockSize: 4096, maxValue: 8000, huge: 3 }),
  ]);
}

/** A database that grew, by the project's own writer, with its earlier states. */
function growingMini(format: Format, spec: DatabaseSpec): Intact {
  const mini = new MiniGdbm({ format, blockSize: spec.blockSize, hashChar: hashCharOf(format) });
  const stages = growingLifeOf(new Random(spec.seed), spec);
  const states = stages.map((steps) => mini.run(steps).bytes());
  return grownOf(describeFormat(format), format, stages, states);
}

/** The same by the real library. */
async function growingReal(spec: DatabaseSpec): Promise<Intact> {
  const lib = new LibGdbm();
  const folder = await mkdtemp(join(tmpdir(), 'gdbm-doctor-torture-'));
  try {
    const path = join(folder, 'growing.db');
    const stages = growingLifeOf(new Random(spec.seed), spec);
    await lib.create(path, [], { blockSize: spec.blockSize });
    const states: Uint8Array[] = [];
    for (const steps of stages) {
      await lib.change(path, steps);
      states.push(await readFile(path));
    }
    return grownOf(`libgdbm, blocks of ${spec.blockSize}, ${spec.records} records`, NATIVE, stages, states);
  } finally {
    lib.close();
    await rm(folder, { recursive: true });
  }
}

function grownOf(
  name: string,
  format: Format,
  stages: readonly Step[][],
  states: readonly Uint8Array[],
): Intact {
  const earlier: Intact[] = [];
  for (const [n, bytes] of states.entries()) {
    const history = historyOf(stages.slice(0, n + 1).flat());
    const made = {
      name: `growing, ${name}`,
      bytes,
      format,
      hashChar: hashCharOf(format),
      history,
      other: undefined,
    };
    earlier.push(intactOf({ ...made, earlier: [...earlier] }));
  }
  return earlier[earlier.length - 1];
}

/** Small databases that grew through splits, in every format. */
export function growingMinis(seed: number): Intact[] {
  const spec = { seed, records: 400, blockSize: 512, maxValue: 300 };
  return everyFormat.map((format) => growingMini(format, spec));
}

/** Databases of the real library that grew through splits. */
export function growingReals(seed: number): Promise<Intact[]> {
  const specs = [
    { records: 560, blockSize: 512 },
    { records: 1500, blockSize: 512 },
    { records: 700, blockSize: 4096 },
    { records: 1500, blockSize: 4096 },
  ];
  return Promise.all(specs.map((spec) => growingReal({ ...spec, seed })));
}

/** Small databases in every format with a smaller one of the same kind of machine as a value. */
export function nestingMinis(seed: number): Intact[] {
  return everyFormat.map((format) => {
    const life = nestingLifeOf(innerDatabase(format, { seed, records: 60, blockSize: 512 }));
    return miniDatabase(format, { seed, life, records: 200, blockSize: 512 });
  });
}

/** Databases of the real library with one of more records than their own as a value. */
export function nestingReals(seed: number): Promise<Intact[]> {
  const specs = [512, 4096].flatMap((blockSize) =>
    [512, 4096].map((inner): DatabaseSpec => {
      const life = nestingLifeOf(innerDatabase(NATIVE, { seed, records: 500, blockSize: inner }));
      return { seed, life, records: 250 + (inner >> 8), blockSize };
    }),
  );
  return Promise.all(specs.map(realDatabase));
}

function innerDatabase(format: Format, spec: DatabaseSpec): Uint8Array {
  return miniDatabase(format, { ...spec, maxValue: 200, tag: 'in-' }).bytes;
}

/** Small databases in every format with mails among their values. */
export function mailMinis(seed: number): Intact[] {
  const spec = { seed, life: mailLifeOf, records: 300, blockSize: 512 };
  return everyFormat.map((format) => miniDatabase(format, spec));
}

/** Databases of the real library with mails among their values. */
export function mailReals(seed: number): Promise<Intact[]> {
  const spec = { seed, life: mailLifeOf, records: 560 };
  return Promise.all([512, 4096].map((blockSize) => realDatabase({ ...spec, blockSize })));
}

/** Tells whether the real library of this machine can open such a file. */
export function isNative({ layout, byteOrder }: Format): boolean {
  return layout === NATIVE.layout && byteOrder === NATIVE.byteOrder;
}

/** Each layout in each byte order. */
export function formats(variant: Variant): Format[] {
  return MACHINES.map((machine) => ({ ...machine, variant }));
}

/** As the machines do: the big-endian ones and those with 32-bit offsets stand for those with unsigned chars. */
function hashCharOf({ byteOrder, layout }: Format): HashChar {
  return byteOrder === 'big' || layout.offsetBits === 32 ? 'unsigned' : 'signed';
}

/** A database of any format by the project's own writer. The one that is mixed into it is made when it is asked for. */
export function miniDatabase(format: Format, spec: DatabaseSpec): Intact {
  const name =
    spec.left === undefined ? describeFormat(format) : `${describeFormat(format)}, few records left`;
  const hashChar = hashCharOf(format);
  const make = (tag: string): Intact => {
    const steps = stepsOf(spec, tag);
    const bytes = new MiniGdbm({ format, blockSize: spec.blockSize, hashChar }).run(steps).bytes();
    return intactOf({ name, bytes, format, hashChar, history: historyOf(steps), other: undefined });
  };
  let other: Intact | undefined;
  const get = () => (other ??= make('other-'));
  return Object.defineProperty(make(''), 'other', { get, enumerable: true });
}

function stepsOf(spec: DatabaseSpec, tag: string): Step[] {
  return (spec.life ?? lifeOf)(new Random(spec.seed + tag.length), { ...spec, tag });
}

/** The same by the real library, on this machine. */
export async function realDatabase(spec: DatabaseSpec): Promise<Intact> {
  const lib = new LibGdbm();
  const folder = await mkdtemp(join(tmpdir(), 'gdbm-doctor-torture-'));
  const make = async (tag: string, other?: Intact): Promise<Intact> => {
    const path = join(folder, `made-${tag}.db`);
    const steps = stepsOf(spec, tag);
    await lib.create(path, steps, { blockSize: spec.blockSize });
    const name = `libgdbm, blocks of ${spec.blockSize}${spec.life === undefined ? '' : ', JSON'}`;
    const bytes = await readFile(path);
    return intactOf({ name, bytes, format: NATIVE, hashChar: 'signed', history: historyOf(steps), other });
  };
  try {
    return await make('', await make('other-'));
  } finally {
    lib.close();
    await rm(folder, { recursive: true });
  }
}
