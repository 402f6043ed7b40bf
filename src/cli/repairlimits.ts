import type { RepairOptions } from '../repair/result.js';
import type { Addition } from '../salvage/salvage.js';

/*
 * Options of a repair that `guard` and `watch` hand on to it. They keep running, so nothing of the repair is loaded here.
 */

/** The words of `--include`. */
const KINDS: Readonly<Record<Addition, true>> = { stale: true, deleted: true, carved: true };

/** @throws Error that says what was expected */
export function parseInclude(texts: string | string[]): Addition[] {
  const names = [texts].flat().flatMap((text) => text.split(','));
  const wrong = names.find((name) => !Object.hasOwn(KINDS, name));
  if (wrong !== undefined)
    throw new Error(`expected --include ${Object.keys(KINDS).join(',')}, found "${wrong}"`);
  return names as Addition[];
}

/**
 * Reads a number of records, or a share of all as `N%`.
 *
 * @throws Error that says what was expected
 */
export function parseMaxLoss(texts: string | string[]): NonNullable<RepairOptions['maxLoss']> {
  const text = [texts].flat().at(-1)!;
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(text);
  const value = Number(match?.[1]);
  const isShare = match?.[2] === '%';
  if (match === null || (isShare ? value > 100 : !Number.isSafeInteger(value))) {
    throw new Error(`expected --max-loss as a number of records or N%, found "${text}"`);
  }
  return isShare ? { share: value / 100 } : { records: value };
}
