import { Random } from '../tools/random.js';

/** Seed of every random number of the suite; another one makes other damage. */
export const SEED = number('SEED', 20261215);
/** Factor of the usual number of trials. */
export const RUNS = number('RUNS', 1);

/** A seed for one trial of many, the same on every run and for every order of trials. */
export function seedFor(...parts: readonly (string | number)[]): number {
  let seed = SEED;
  for (const byte of Buffer.from(parts.join('\n'))) seed = Math.imul(seed ^ byte, 0x01000193);
  return new Random(seed).below(2 ** 31);
}

function number(name: string, usual: number): number {
  const value = Number(process.env[name] ?? usual);
  if (!Number.isInteger(value))
    throw new Error(`expected a whole number as ${name}, found ${process.env[name]}`);
  return value;
}
