import type { Look } from './look.js';

/** What is to be done after a look. */
export type Step = 'rest' | 'look-again' | 'repair';

/** What is remembered of a database between looks. */
export interface Memory {
  /** The damage seen at the last look, by its digest; undefined after any other look. */
  readonly damage: string | undefined;
  /** Damage that a repair could not mend, or would not: it is not tried again until the file changes. */
  readonly hopeless: string | undefined;
}

export const NOTHING_SEEN: Memory = { damage: undefined, hopeless: undefined };

/**
 * Decides after a look. A file is damaged only if two looks in a row see the same damage of the same unchanged file and
 * nobody holds its lock: a program that is saving changes the file, or holds it.
 */
export function decide(memory: Memory, look: Look): { step: Step; memory: Memory } {
  if (look.verdict === 'changing') return { step: 'look-again', memory: { ...memory, damage: undefined } };
  if (look.verdict !== 'damaged') return { step: 'rest', memory: { ...memory, damage: undefined } };
  if (look.digest === memory.hopeless) return { step: 'rest', memory };
  // No repair mends it, and a snapshot would cost what was stored since: that it is damaged is said, and no more.
  if (look.loads && look.digest === memory.damage) {
    return { step: 'rest', memory: { damage: undefined, hopeless: look.digest } };
  }
  if (look.loads) return { step: 'look-again', memory: { ...memory, damage: look.digest } };
  // Where holders cannot be seen, the repair finds out by the lock itself.
  if (look.held === true) return { step: 'look-again', memory: { ...memory, damage: undefined } };
  const seenTwice = look.digest === memory.damage;
  return { step: seenTwice ? 'repair' : 'look-again', memory: { ...memory, damage: look.digest } };
}

/** What is remembered after a repair that did not mend the damage. */
export function giveUp(memory: Memory): Memory {
  return { damage: undefined, hopeless: memory.damage };
}
