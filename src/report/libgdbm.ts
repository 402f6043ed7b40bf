import type { CheckResult } from '../check/check.js';
import { number } from './number.js';

/** What libgdbm says of a file, and how far a program gets that goes through all of it. */
export function libgdbmText(result: CheckResult): string {
  const { libgdbm } = result;
  return (libgdbm === null ? 'opens it' : `"${libgdbm}"`) + useText(result);
}

function useText({ use, records }: CheckResult): string {
  if (use === undefined) return '';
  const { walked, end, fetched } = use;
  const all = `${number(records.count)} ${records.count === 1 ? 'key' : 'keys'}`;
  const parts: string[] = [];
  if (end === 'never') parts.push('a walk goes round in a circle and never ends');
  else if (end !== 'end') parts.push(`a walk stops after ${number(walked)} of ${all} ("${end}")`);
  else if (walked !== records.count) parts.push(`a walk gives ${number(walked)} of ${all}`);
  if (fetched !== undefined && fetched < records.count)
    parts.push(`${number(records.count - fetched)} cannot be fetched`);
  return parts.map((part) => `; ${part}`).join('');
}
