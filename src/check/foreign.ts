import type { Format } from '../format/format.js';
import { describeFormat, machinesOf } from '../format/format.js';
import type { HashChar } from '../format/hash.js';
import type { MachineName } from '../format/machines.js';
import { MACHINE_NAMES, MACHINES } from '../format/machines.js';
import type { CheckResult, FileFormat } from './check.js';
import type { Finding } from './finding.js';
import { finding } from './finding.js';
import type { Judge } from './libgdbm.js';
import { isOfJudge } from './libgdbm.js';

/** Tells whether a machine's libgdbm cannot use a database that is in order on the machine that made it. */
export function isForeign(format: FileFormat, judge: Judge): boolean {
  return !isOfJudge(format, judge) || isOther(format.hashChar, judge.hashChar);
}

/** Returns the result of a check of the structure alone, with the verdict for a machine. */
export function judgedFor(checked: CheckResult, judge: Judge | undefined): CheckResult {
  const { verdict, format } = checked;
  if (verdict !== 'healthy' || judge === undefined || format === undefined || !isForeign(format, judge))
    return checked;
  return { ...checked, verdict: 'foreign' };
}

function isOther(hashChar: FileFormat['hashChar'], wanted: HashChar): boolean {
  return hashChar !== 'undetermined' && hashChar !== wanted;
}

/** Returns the names of the machines that a database is for. */
export function machinesFor({ byteOrder, layout, hashChar }: FileFormat): MachineName[] {
  return MACHINE_NAMES.filter((name) => {
    const machine: Judge = MACHINES[name];
    return (
      machine.byteOrder === byteOrder && machine.layout === layout && !isOther(hashChar, machine.hashChar)
    );
  });
}

/** Format of a database, and the numbers of its keys whose hash depends on the sign of `char`. */
interface Written extends Format {
  readonly signed: number;
  readonly unsigned: number;
}

/**
 * Returns the findings that keep a machine's libgdbm from using a database that is in order on the machine that made
 * it.
 */
export function foreignFindings(written: Written, judge: Judge): Finding[] {
  const { signed, unsigned } = written;
  if (!isOfJudge(written, judge)) {
    return [
      finding(
        'foreign-format',
        null,
        `${describeFormat(written)}, as ${machinesOf(written)} write it`,
        describeFormat({ ...judge, variant: written.variant }),
      ),
    ];
  }
  const [foreign, own] = judge.hashChar === 'signed' ? [unsigned, signed] : [signed, unsigned];
  // Keys of both kinds in one file are a finding of their own.
  if (foreign === 0 || own > 0) return [];
  const other: HashChar = judge.hashChar === 'signed' ? 'unsigned' : 'signed';
  const found = `${foreign} ${foreign === 1 ? 'key' : 'keys'} with the hash of ${other} char`;
  return [finding('foreign-keys', null, found, `the hash of ${judge.hashChar} char`)];
}
