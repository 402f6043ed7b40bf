import type { FoundKey, ProfileResult } from '../profile/inspect.js';
import { number } from './number.js';

/** What is inside a database, on one line. Keys are the profile's own, so there is nothing to escape. */
export function insideText({ name, keys, missing, values }: ProfileResult): string {
  const { whole, damaged, old, notPickle } = values;
  const all = whole + damaged + old + notPickle;
  if (all === 0) return `${name}: empty`;
  const parts = [...keys.map(keyText), ...missing.map((key) => `${key} is missing`)];
  const bad = [
    damaged > 0 && `${number(damaged)} damaged`,
    notPickle > 0 && `${number(notPickle)} no pickles`,
    old > 0 && `${number(old)} perhaps of protocol 0 or 1`,
  ].filter((part) => part !== false);
  const others = all - keys.length;
  if (others > 0 || keys.length === 0) {
    const what = bad.length === 0 ? 'all whole pickles' : [`${number(whole)} whole`, ...bad].join(', ');
    parts.push(`${number(all)} value${all === 1 ? '' : 's'}, ${what}`);
  }
  return `${name}: ${parts.join(', ')}`;
}

function keyText({ key, size, state, protocol }: FoundKey): string {
  const what = protocol === undefined ? STATES[state] : `pickle protocol ${protocol}`;
  return `${key} (${number(size)} bytes, ${what})`;
}

const STATES: Readonly<Record<FoundKey['state'], string>> = {
  whole: 'a pickle',
  damaged: 'damaged',
  old: 'perhaps a pickle of protocol 0 or 1',
  'not-pickle': 'no pickle',
};
