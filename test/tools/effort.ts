import test from 'node:test';

/** Set by `npm run sweep`: everything is tried as often as it was when the code was written, for an hour and more. */
export const SWEEP = process.env['SWEEP'] === '1';

/** Share of a sweep's runs that the suite makes. */
const SAMPLE = 1 / 10;
/** Runs that the suite makes at least. */
const LEAST = 10;

/** @returns runs of a property: `sweep` in a sweep, a sample of them otherwise */
export function runs(sweep: number): number {
  return SWEEP ? sweep : Math.min(sweep, Math.max(LEAST, Math.ceil(sweep * SAMPLE)));
}

/**
 * Some of many cases, evenly spread; all of them in a sweep.
 *
 * @param turn number of the first one; tests that take turns look at all cases together
 */
export function sample<T>(cases: readonly T[], size: number, turn = 0): T[] {
  if (SWEEP || cases.length <= size) return [...cases];
  return Array.from({ length: size }, (_, i) => {
    return cases[(turn + Math.floor((i * cases.length) / size)) % cases.length];
  });
}

/** A test that takes long and is run by a sweep only. */
export function sweepTest(name: string, run: () => void | Promise<void>): void {
  test(name, { skip: SWEEP ? false : 'long; npm run sweep runs it' }, run);
}
