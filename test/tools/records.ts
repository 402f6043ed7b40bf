import type { Step } from './libgdbm.js';
import type { Random } from './random.js';

/** Stores, replaces and deletes with keys and values of mixed sizes, as a database lives through. */
export function randomSteps(random: Random, records: number, maxValue = 300): Step[] {
  const steps: Step[] = [];
  const keys: Uint8Array[] = [];
  for (let i = 0; i < records; i++) {
    const key = Buffer.concat([Buffer.from(`${i}:`), random.bytes(random.below(20))]);
    keys.push(key);
    steps.push(['store', key, random.bytes(random.below(maxValue))]);
    if (i % 5 === 4) steps.push(['store', random.pick(keys), random.bytes(random.below(maxValue))]);
    if (i % 7 === 6) steps.push(['delete', keys.splice(random.below(keys.length), 1)[0]]);
  }
  return steps;
}

/** Contents of a database after the steps: key to value, both base64, sorted. */
export function outcome(steps: readonly Step[]): [string, string][] {
  const held = new Map<string, string>();
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  for (const step of steps) {
    if (step[0] === 'store') held.set(text(step[1]), text(step[2]));
    if (step[0] === 'delete') held.delete(text(step[1]));
  }
  return [...held].sort();
}
