import { createHash } from 'node:crypto';
import { salvage } from '../../src/index.js';
import { weights } from '../../src/weights.js';
import type { Step } from '../tools/libgdbm.js';
import type { Random } from '../tools/random.js';
import type { DatabaseSpec } from '../torture/databases.js';
import { formats, miniDatabase } from '../torture/databases.js';
import type { Intact } from '../torture/intact.js';
import { damagedCopy, tryRepair } from '../torture/judge.js';
import type { LifeSpec } from '../torture/life.js';
import { jsonLifeOf, latin1 } from '../torture/life.js';
import type { Model } from '../torture/models.js';
import { MODELS } from '../torture/models.js';
import type { Row } from '../torture/rows.js';
import { DATABASES, ROWS } from '../torture/rows.js';

/** Results of a salvage: right and wrong records, and a hash of all that was found. */
export interface Outcome {
  readonly right: number;
  readonly wrong: number;
  readonly digest: string;
}

/** A damaged file whose salvage shows what a weight is worth. */
export interface Trial {
  /** Damage and database. */
  readonly name: string;
  readonly run: () => Promise<Outcome>;
}

/** A weight by its part of the table and its name there. */
export interface Weight {
  readonly part: keyof typeof weights;
  readonly name: string;
}

/** All weights in the order of the table. */
export function allWeights(): Weight[] {
  return Object.entries(weights).flatMap(([part, table]) =>
    Object.keys(table).map((name) => ({ part: part as keyof typeof weights, name })),
  );
}

/** Such as `align.change`. */
export const nameOf = ({ part, name }: Weight) => `${part}.${name}`;

export function valueOf({ part, name }: Weight): number {
  return (weights[part] as Record<string, number>)[name];
}

/** Runs something with another value of a weight. */
export async function withWeight<T>(
  { part, name }: Weight,
  value: number,
  run: () => Promise<T>,
): Promise<T> {
  const table = weights[part] as Record<string, number>;
  const usual = table[name];
  table[name] = value;
  try {
    return await run();
  } finally {
    table[name] = usual;
  }
}

type Kind = Row['databases'];

/** Small databases of each kind, made once for a seed. Those of the usual kind differ in more than their format. */
const made = new Map<string, readonly Intact[]>();
function databasesOf(kind: Kind, seed: number): readonly Intact[] {
  const name = `${kind} ${seed}`;
  const databases = made.get(name) ?? (kind === 'usual' ? usualDatabases(seed) : DATABASES[kind].minis(seed));
  made.set(name, databases);
  return databases;
}

function usualDatabases(seed: number): Intact[] {
  const specs: readonly DatabaseSpec[] = [
    { seed, blockSize: 512, records: 700, maxValue: 300 },
    { seed, blockSize: 512, records: 60, maxValue: 300, left: 0.2 },
    { seed, blockSize: 512, records: 400, life: jsonLifeOf },
    { seed, blockSize: 512, records: 700, maxValue: 300, left: 0.1 },
    { seed, blockSize: 4096, records: 1200, maxValue: 300 },
    { seed, blockSize: 512, records: 120, life: shortLifeOf },
  ];
  const all = [...formats('standard'), ...formats('numsync')];
  return specs.map((spec, n) => miniDatabase(all[(n + seed) % all.length], spec));
}

/** Short keys with small JSON values, some of which were replaced or deleted. */
function shortLifeOf(random: Random, { records, tag = '' }: LifeSpec): Step[] {
  const keyOf = (n: number) => Buffer.from(`${tag}k${n}`);
  const store = (n: number): Step => [
    'store',
    keyOf(n),
    Buffer.from(JSON.stringify({ n: random.below(1000) })),
  ];
  const steps = Array.from({ length: records }, (_, n) => store(n));
  for (let n = 0; n < records; n += 3) steps.push(random.below(2) === 0 ? store(n) : ['delete', keyOf(n)]);
  return steps;
}

/** A row that has several weights of its own. */
const MIXED = "two files' blocks mixed";

/** Repairs of damaged files: two databases for each row of the torture, which take turns. */
export function* repairs(seed: number): Generator<Trial> {
  for (const [turn, row] of ROWS.entries()) {
    const databases = databasesOf(row.databases, seed);
    const count = row.name === MIXED ? databases.length : 2;
    for (let n = 2 * turn; n < 2 * turn + count; n++) {
      const intact = databases[(n + seed) % databases.length];
      const models = row.draw(seed, intact);
      if (models.some(({ suits }) => suits?.(intact) === false)) continue;
      yield { name: `${row.name}, ${intact.name}`, run: () => repairOf(intact, models, seed) };
    }
  }
}

async function repairOf(intact: Intact, models: readonly Model[], seed: number): Promise<Outcome> {
  const { contents, score } = await tryRepair(intact, damagedCopy(intact, models, seed));
  return {
    right: score.recalled + score.ambiguousRecalled,
    wrong: score.wrong.length + score.ambiguousWrong + score.changed + score.invented.length,
    digest: digestOf([...(contents ?? [])].sort()),
  };
}

/** Lists of all records, also deleted ones, in sound databases and in those of which buckets are lost. */
export function* listings(seed: number): Generator<Trial> {
  const model = MODELS.find(({ name }) => name === 'buckets lost')!;
  for (const kind of ['usual', 'growing'] as const) {
    for (const intact of databasesOf(kind, seed)) {
      yield { name: `sound, ${intact.name}`, run: () => listingOf(intact, intact.bytes) };
      const { bytes } = damagedCopy(intact, [model], seed);
      yield { name: `${model.name}, ${intact.name}`, run: () => listingOf(intact, bytes) };
    }
  }
}

async function listingOf({ history }: Intact, bytes: Uint8Array): Promise<Outcome> {
  const found: string[] = [];
  let [right, wrong] = [0, 0];
  const records = salvage(bytes, { deleted: true, carve: true });
  for await (const { key, offset, keySize, valueSize, confidence, provenance } of records) {
    found.push(`${offset} ${keySize} ${valueSize} ${provenance} ${confidence}`);
    if (key === undefined || offset === undefined) continue;
    if (confidence !== 'high' && confidence !== 'medium') continue;
    const values = history.get(latin1(key));
    const value = latin1(bytes.subarray(offset + keySize, offset + keySize + valueSize));
    if (values?.includes(value) === true) right++;
    else wrong++;
  }
  return { right, wrong, digest: digestOf(found.sort()) };
}

function digestOf(found: unknown): string {
  return createHash('sha256').update(JSON.stringify(found)).digest('hex').slice(0, 16);
}
