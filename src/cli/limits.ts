import type { RepairOptions } from '../repair/result.js';
import type { Addition } from '../salvage/salvage.js';

// Not from there: what only reads a command line does not load what a repair needs.
const ADDITIONS: readonly Addition[] = ['stale', 'deleted', 'carved'];

/**
 * Reads `--max-loss`: a number of records, or a share of all as `N%`.
 *
 * @throws Error that says what was expected
 */
export function parseMaxLoss(text: string | undefined): RepairOptions['maxLoss'] {
  if (text === undefined) return undefined;
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(text);
  const value = Number(match?.[1]);
  const share = match?.[2] === '%';
  if (match === null || (share ? value > 100 : !Number.isSafeInteger(value))) {
    throw new Error(`expected --max-loss as a number of records or N%, found "${text}"`);
  }
  return share ? { share: value / 100 } : { records: value };
}

/** Reads `--expect-key`, each as text. */
export function parseExpectKeys(texts: readonly string[] | undefined): Uint8Array[] {
  return (texts ?? []).map((text) => new TextEncoder().encode(text));
}

/**
 * Reads `--include`.
 *
 * @throws Error that says what was expected
 */
export function parseInclude(text: string | undefined): Addition[] {
  const names = text === undefined ? [] : text.split(',');
  return names.map((name) => {
    const found = ADDITIONS.find((one) => one === name);
    if (found === undefined) throw new Error(`expected --include ${ADDITIONS.join(',')}, found "${name}"`);
    return found;
  });
}
