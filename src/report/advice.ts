import type { CheckResult } from '../check/check.js';
import type { MachineName } from '../format/machines.js';
import { isMendable } from '../profile/leaveout.js';
import type { ProfileResult } from '../profile/inspect.js';
import { shellPath } from './escape.js';

/** Advice with the file's name in its commands, which have FILE in its place, so that they can be pasted. */
export function named(advice: string, path: string): string {
  return advice.replaceAll(/\bFILE\b/g, () => shellPath(path));
}

interface RepairChoices {
  /** The machine that is to use the database. */
  readonly machine?: MachineName | undefined;
  readonly dryRun?: boolean;
  /** Present where the repair cannot take the file's place: it is an image, or cannot be written to. */
  readonly elsewhere?: unknown;
}

/** The shell command that repairs a file. */
export function repairCommand(
  path: string,
  { machine, dryRun = false, elsewhere }: RepairChoices = {},
): string {
  const options = [
    ...(dryRun ? ['--dry-run'] : []),
    ...(machine === undefined ? [] : ['--for', machine]),
    ...(elsewhere === undefined ? [] : ['-o', shellPath(`${path}.repaired`)]),
  ];
  return ['gdbm-doctor repair', ...options, shellPath(path)].join(' ');
}

/**
 * The next step for a checked file:
 *
 * - `nothing`: it is in order.
 * - `other`: it is no GDBM database; its own description has the advice.
 * - `convert`: it is sound, for another kind of machine.
 * - `repair`: a repair mends it.
 * - `unrepairable`: a repair refuses it; only an earlier copy helps.
 * - `values`: only values inside of records are wrong, which an earlier copy may have whole.
 */
interface NextStep {
  readonly kind: 'nothing' | 'other' | 'convert' | 'repair' | 'unrepairable' | 'values';
  /** The shell command for it, if there is one. */
  readonly command: string | undefined;
}

/** @param machine that is to use the database, where it was judged for one */
export function nextStep(
  path: string,
  result: CheckResult,
  profile: ProfileResult | undefined,
  machine: MachineName | undefined,
): NextStep {
  const { verdict, image } = result;
  if (verdict === 'healthy') return { kind: 'nothing', command: undefined };
  if (verdict === 'not-gdbm') return { kind: 'other', command: undefined };
  if (verdict === 'foreign') return { kind: 'convert', command: repairCommand(path, { machine }) };
  if (isMendable(result, profile)) {
    return { kind: 'repair', command: repairCommand(path, { elsewhere: image }) };
  }
  const kind = result.unrepairable === undefined ? 'values' : 'unrepairable';
  return { kind, command: `gdbm-doctor snapshots ${shellPath(path)}` };
}
