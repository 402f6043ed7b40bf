import type { CheckResult } from '../../check/check.js';
import { lostRecords } from '../../check/losses.js';
import type { PageWords } from '../../picture/pagedata.js';
import type { ProfileResult } from '../../profile/inspect.js';
import { escapeText } from '../escape.js';
import { insideText } from '../inside.js';
import { isLoss, lossText } from '../loss.js';
import type { Statement } from '../statement.js';
import { number } from '../number.js';
import { isMendable } from '../../profile/mendable.js';
import type { MachineName } from '../../format/machines.js';
import { libgdbmText } from '../libgdbm.js';
import { foreignText, formatText, recordsText } from '../text.js';
import { shellPath } from '../shellword.js';

/** The sentences of a page: how bad it is, what to do first, and the facts. */
export function pageWords(
  path: string,
  result: CheckResult,
  profile: ProfileResult | undefined,
  { evidence, ...statement }: Statement,
  machine?: MachineName,
): PageWords {
  const own = evidence?.find((one) => one.path === path);
  const { verdict } = result;
  return {
    statement: {
      ...statement,
      options: statement.options.map(escapeText),
      ...(own && { evidence: { before: own.before, after: own.after } }),
    },
    path: escapeText(path),
    verdict,
    headline: headlineOf(result),
    advice: adviceOf(path, result, profile, machine),
    facts: factsOf(result, profile),
  };
}

function headlineOf(result: CheckResult): string {
  const { verdict, size, records, doubtful, libgdbm, other } = result;
  if (verdict === 'not-gdbm') return `This is ${other?.what ?? 'no GDBM database'}.`;
  if (size === 0) return 'The file is empty.';
  const count = `${number(records.count)} record${records.count === 1 ? '' : 's'}`;
  if (verdict === 'healthy') return `All is well: ${count}, each where a lookup finds it.`;
  if (verdict === 'foreign') return `${count}, ${foreignText(result, undefined)}.`;
  const says = libgdbm === null ? 'libgdbm opens it all the same' : `libgdbm says “${libgdbm}”`;
  const lost = lostRecords(result);
  if (!isLoss(lost)) return `${count} can be proved; ${says}.`;
  return `Lost: ${lossText(lost, records.count - (doubtful?.size ?? 0))}. ${count} can be proved; ${says}.`;
}

function adviceOf(
  path: string,
  result: CheckResult,
  profile: ProfileResult | undefined,
  machine: MachineName | undefined,
): PageWords['advice'] {
  const { verdict, records, other, size, image } = result;
  if (verdict === 'not-gdbm') return { text: other?.advice ?? '', command: null };
  if (verdict === 'healthy') return { text: 'There is nothing to do.', command: null };
  if (verdict === 'foreign') {
    return {
      text: 'Nothing is wrong with it. To use it here, write it as this machine has it; the file as it was stays beside the new one.',
      command: `gdbm-doctor repair${machine === undefined ? '' : ` --for ${machine}`} ${shellPath(path)}`,
    };
  }
  if (result.unrepairable !== undefined) {
    return { text: result.unrepairable, command: `gdbm-doctor snapshots ${shellPath(path)}` };
  }
  if (!isMendable(result, profile)) {
    return {
      text: 'The structure is sound; what is wrong is inside of records, which a snapshot may have whole. A repair can only set aside what the program cannot load.',
      command: `gdbm-doctor snapshots ${shellPath(path)}`,
    };
  }
  const lost = Object.values(records.rejected).reduce((sum, n) => sum + n, 0);
  const missing = lost > 0 || records.uncovered > 0 || size === 0;
  return {
    text: missing
      ? 'Look first at what a repair would keep and what is lost: this writes nothing. The repair itself keeps the file as it was beside the new one.'
      : 'A repair brings back every record that can be proved, and keeps the file as it was beside the new one.',
    command: `gdbm-doctor repair ${missing ? '--dry-run ' : ''}${image === undefined ? '' : '-o OUT '}${shellPath(path)}`,
  };
}

function factsOf(result: CheckResult, profile: ProfileResult | undefined): [string, string][] {
  const { format, size, records } = result;
  const facts: [string, string][] = [['Size', `${number(size)} bytes`]];
  if (format === undefined) return facts;
  facts.push(['Records', recordsText(result)], ['libgdbm', libgdbmText(result)]);
  if (records.uncovered > 0)
    facts.push(['Hashes without a bucket', `${(records.uncovered * 100).toFixed(2)} %`]);
  if (profile !== undefined && profile.name !== 'none') facts.push(['Inside', insideText(profile)]);
  facts.push(['Format', formatText(format)]);
  return facts;
}
