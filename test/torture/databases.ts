import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Format, Variant } from '../../src/format/format.js';
import { describeFormat, LAYOUT_64 } from '../../src/format/format.js';
import { MACHINES } from '../format/formats.js';
import type { Step } from '../tools/libgdbm.js';
import { LibGdbm } from '../tools/libgdbm.js';
import { MiniGdbm } from '../tools/minigdbm.js';
import { Random } from '../tools/random.js';
import type { Intact } from './intact.js';
import { intactOf } from './intact.js';
import type { LifeSpec } from './life.js';
import { historyOf, jsonLifeOf, lifeOf } from './life.js';

export interface DatabaseSpec extends LifeSpec {
  readonly blockSize: number;
  readonly seed: number;
  /** Steps of the database's life, where it is not that of mixed keys and values. */
  readonly life?: (random: Random, spec: LifeSpec) => Step[];
}

/** The format that the real library of this machine writes; the suite's machines are amd64 and arm64. */
export const NATIVE: Format = { byteOrder: 'little', layout: LAYOUT_64, variant: 'standard' };

/** Small databases in every format. */
export function miniDatabases(seed: number): Intact[] {
  const spec = { seed, records: 700, maxValue: 300, blockSize: 512 };
  return [...formats('standard'), ...formats('numsync')].map((format) => miniDatabase(format, spec));
}

/** Databases of the real library: JSON values under long keys, and keys and values of mixed sizes. */
export function applicationDatabases(seed: number): Promise<Intact[]> {
  const json = { seed, life: jsonLifeOf };
  return Promise.all([
    realDatabase({ ...json, records: 1500, blockSize: 512 }),
    realDatabase({ ...json, records: 560, blockSize: 4096 }),
    realDatabase({ seed, records: 560, blockSize: 512, maxValue: 2000 }),
    realDatabase({ seed, records: 700, blockSize: 4096, maxValue: 4000 }),
  ]);
}

/** Tells whether the real library of this machine can open such a file. */
export function isNative({ layout, byteOrder }: Format): boolean {
  return layout === NATIVE.layout && byteOrder === NATIVE.byteOrder;
}

/** Each layout in each byte order. */
export function formats(variant: Variant): Format[] {
  return MACHINES.map((machine) => ({ ...machine, variant }));
}

/** A database of any format by the project's own writer. The one that is mixed into it is made when it is asked for. */
export function miniDatabase(format: Format, spec: DatabaseSpec): Intact {
  const name =
    spec.left === undefined ? describeFormat(format) : `${describeFormat(format)}, few records left`;
  // As the machines do: the big-endian ones and those with 32-bit offsets stand for those with unsigned chars.
  const hashChar = format.byteOrder === 'big' || format.layout.offsetBits === 32 ? 'unsigned' : 'signed';
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
