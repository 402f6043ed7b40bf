import fc from 'fast-check';
import type { Model } from './models.js';
import { MODELS } from './models.js';

/** The names of two to four models, one after the other; names, because fast-check prints what it drew. */
export const anyModelNames: fc.Arbitrary<string[]> = fc.array(
  fc.constantFrom(...MODELS.map(({ name }) => name)),
  { minLength: 2, maxLength: 4 },
);

export function modelsNamed(names: readonly string[]): Model[] {
  return names.map((name) => MODELS.find((model) => model.name === name)!);
}
