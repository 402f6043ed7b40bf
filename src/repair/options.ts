import { resolve } from 'node:path';
import { requireProfile } from '../contents.js';
import { LEAVE_OUT } from '../profile/leaveout.js';
import { ADDITIONS } from '../salvage/salvage.js';
import type { RepairOptions } from './result.js';

/**
 * Refuses options that mean nothing, before anything is done: a limit that is no number would let every loss pass.
 *
 * @throws RangeError
 */
export function requirePossible(options: RepairOptions): void {
  const { profile = 'none', include = [], maxLoss, wait = 0, output, quarantine } = options;
  requireProfile(profile);
  if (options.leaveOut !== undefined && !LEAVE_OUT.includes(options.leaveOut)) {
    throw new RangeError(`expected as leaveOut one of ${LEAVE_OUT.join(', ')}, found "${options.leaveOut}"`);
  }
  if (output !== undefined && quarantine !== undefined && resolve(output) === resolve(quarantine)) {
    throw new RangeError(`expected output and quarantine to be two files, found ${output} as both`);
  }
  for (const one of include) {
    if (!ADDITIONS.includes(one)) {
      throw new RangeError(`expected in include only ${ADDITIONS.join(', ')}, found "${one}"`);
    }
  }
  if (maxLoss !== undefined && !isLimit(maxLoss)) {
    const expected = '{ records: 0 or more } or { share: 0 to 1 }';
    throw new RangeError(`expected as maxLoss ${expected}, found ${JSON.stringify(maxLoss)}`);
  }
  if (!(wait >= 0)) throw new RangeError(`expected as wait 0 or more seconds, found ${wait}`);
}

function isLimit(limit: NonNullable<RepairOptions['maxLoss']>): boolean {
  const { records = 0, share = 0 }: { records?: number; share?: number } = limit;
  return Object.keys(limit).length === 1 && records >= 0 && share >= 0 && share <= 1 && records + share >= 0;
}
