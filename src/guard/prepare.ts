import type { Mending } from '../watch/mend.js';
import { diagnose, wasInUse, whyUnwritable } from './diagnose.js';
import { fallBack, leaveAlone } from './fallback.js';
import type { GuardOptions } from './options.js';
import { makeReady } from './ready.js';

/**
 * Makes a program's database usable, as far as it can be made so.
 *
 * @returns what to run; undefined if nothing is to be
 */
export async function prepare(options: GuardOptions, mending: Mending): Promise<GuardOptions | undefined> {
  const problems = await diagnose(mending);
  const { outcome, look } = await makeReady(mending, options.lookOptions);
  const unwritable = whyUnwritable(problems, look.verdict === 'missing' && outcome !== 'restored');
  if (unwritable !== undefined) return fallBack(options, mending, 'unusable place');
  // The file may be whole, or another process may be about to save it.
  if (outcome === 'busy') return leaveAlone(options, mending, 'another process is still using it');
  if (outcome === 'unknown') {
    return leaveAlone(options, mending, `what it is could not be found out, ${look.what}`);
  }
  // Nothing was judged to be wrong with the file itself, so that it must not be set aside.
  if (outcome === 'prevented' || look.verdict === 'unreadable')
    return fallBack(options, mending, 'unusable place');
  if (outcome !== 'unmended') return options;
  return fallBack(options, mending, { state: look.state, inUse: wasInUse(problems) });
}
