import type { LeftOutReason } from '../profile/leaveout.js';
import type { RepairResult } from '../repair/result.js';
import { shellPath } from './shellword.js';
import { number } from './number.js';

/** What was set aside, why, where it is and how it comes back, each a named line. */
export function setAsideFields({
  setAside,
  profile,
  quarantine,
  output,
  path,
}: RepairResult): [string, string][] {
  if (setAside === undefined) return [];
  const { records, reasons } = setAside;
  const why = Object.entries(reasons).map(([reason, n]) => `${number(n)} ${WHY[reason as LeftOutReason]}`);
  const what = `${number(records)} record${records === 1 ? '' : 's'} that ${profile?.name} cannot load: ${why.join(', ')}`;
  if (quarantine === undefined) return [['set aside', what]];
  const back = `gdbm-doctor load --add ${shellPath(quarantine)} ${shellPath(output ?? path)}`;
  return [
    ['set aside', what],
    ['', `whole, in ${quarantine}`],
    ['', `to bring ${records === 1 ? 'it' : 'them'} back: ${back}`],
  ];
}

/** Why a record was set aside, after a number of them. */
const WHY: Readonly<Partial<Record<LeftOutReason, string>>> = {
  'value-pickle': 'with a broken pickle',
  'value-not-pickle': 'with a value that is no pickle',
  'key-not-text': 'with a key that is not UTF-8',
  'flower-events-damaged': 'with the key events and a broken pickle',
  'flower-counter-damaged': 'with the key counter and a broken pickle',
  'celerybeat-entry-damaged': 'of its own with a broken pickle',
  'useless-alone': 'of no use without what is broken or missing',
};
