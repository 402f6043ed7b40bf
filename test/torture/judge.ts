import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LibGdbm } from '../tools/libgdbm.js';
import { Random } from '../tools/random.js';
import { Damaged } from './damaged.js';
import { isNative } from './databases.js';
import type { Intact } from './intact.js';
import type { Model } from './models.js';
import type { Recovered, Repair } from './recover.js';
import { recover } from './recover.js';
import type { Score } from './score.js';
import { isExcused, scoreOf } from './score.js';

/** A damaged copy, from a seed that gives it again. */
export function damagedCopy(intact: Intact, models: readonly Model[], seed: number): Damaged {
  const file = new Damaged(intact.bytes);
  const random = new Random(seed);
  for (const model of models) model.damage(file, intact, random);
  return file;
}

/** A repair of a damaged copy, scored. */
export interface Trial {
  /** Every key with its value; undefined where the repair refused. */
  readonly contents: Recovered['contents'];
  readonly score: Score;
  /** A broken promise of the repair; undefined if all is well. */
  readonly fault: string | undefined;
  readonly refused: boolean;
  /** Fault of the fresh file itself, or an error in place of a result; undefined if there is none. */
  readonly unsound: string | undefined;
}

/**
 * Repairs a damaged copy and holds the result against what survived.
 *
 * @param lib where given, the real library walks what it can open
 * @param repairFile the repair of another checkout
 */
export async function tryRepair(
  intact: Intact,
  damaged: Damaged,
  lib?: LibGdbm,
  repairFile?: Repair,
): Promise<Trial> {
  const { contents, bytes, trouble, failed } = await recover(damaged.bytes, repairFile);
  const score = scoreOf(intact, damaged, contents);
  const { lost, lostMoved, wrong } = score;
  const invented = score.invented.filter((one) => !isExcused(one));
  const walked =
    lib !== undefined && bytes !== undefined && isNative(intact.format)
      ? await walkTrouble(lib, bytes, contents!)
      : undefined;
  const faults = [
    lost.length > 0 && `${lost.length} of ${score.survivors} survivors lost, such as ${show(lost[0])}`,
    lostMoved.length > 0 &&
      `${lostMoved.length} of ${score.survivors} survivors lost that had moved, such as ${show(lostMoved[0])}`,
    wrong.length > 0 && `${wrong.length} wrong values, such as of ${show(wrong[0])}`,
    invented.length > 0 &&
      `${invented.length} keys invented, such as ${show(invented[0].key)}, ${invented[0].from}`,
    (failed || lost.length + lostMoved.length > 0) && trouble,
    walked,
  ];
  const fault = faults.filter((one) => typeof one === 'string').join('; ');
  return {
    contents,
    score,
    fault: fault === '' ? undefined : fault,
    refused: contents === undefined,
    unsound: (failed ? trouble : undefined) ?? walked,
  };
}

/** Walks a file that should hold these records with the real library: the difference, or undefined. */
async function walkTrouble(
  lib: LibGdbm,
  bytes: Uint8Array,
  contents: ReadonlyMap<string, string>,
): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'gdbm-doctor-torture-'));
  try {
    const path = join(folder, 'fresh.db');
    await writeFile(path, bytes);
    const walked = await lib.walk(path);
    const count = await lib.count(path);
    const same = walked.every(([key, value]) => contents.get(unbase64(key)) === unbase64(value));
    if (same && walked.length === contents.size && count === contents.size) return undefined;
    return `libgdbm counts ${count} and walks ${walked.length} of ${contents.size} records`;
  } catch (error) {
    return String(error);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function unbase64(text: string): string {
  return Buffer.from(text, 'base64').toString('latin1');
}

function show(key: string): string {
  return JSON.stringify(key.length > 40 ? `${key.slice(0, 40)}…` : key);
}
