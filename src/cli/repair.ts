import type { RepairOptions, RepairResult } from '../repair/result.js';
import { repair } from '../repair/repair.js';
import { failedRepairReport, repairReport, reportText } from '../report/json.js';
import { foreignText, repairText } from '../report/text.js';
import { shellPath } from '../report/shellword.js';
import type { MachineName } from '../format/machines.js';
import { MACHINES } from '../format/machines.js';
import { isForeign, judgedFor } from '../check/foreign.js';
import { convertCommand } from './convert.js';
import type { ExitCode } from './exit.js';
import { EXIT } from './exit.js';
import { explain } from './explain.js';
import type { WantedMachine } from './machine.js';
import { judgeFor, machineFor } from './machine.js';
import { progressLine } from './progress.js';
import { StopSignals } from './signals.js';
import { printReport, styleFor, tell } from './terminal.js';

export interface RepairArguments extends Omit<RepairOptions, 'signal'> {
  readonly file: string;
  readonly json: boolean;
  readonly all: boolean;
  /** The machine that is to use it. */
  readonly machine?: WantedMachine;
}

/** Repairs one file and reports what was kept and what was lost. */
export async function repairCommand({
  file,
  json,
  all,
  machine,
  ...options
}: RepairArguments): Promise<number> {
  const signals = new StopSignals();
  const progress = progressLine();
  try {
    const repaired = await repair(file, {
      ...options,
      report: progress.report,
      signal: signals.signal,
    }).finally(progress.end);
    if (isConverted(repaired, options, machine)) {
      // It is sound, and for another machine than it was asked for: the rest is a conversion, as `convert` does it.
      const { wait = 0, lock = true } = options;
      const kind = { machine, wait, lock, replace: true };
      return await convertCommand({ file, output: options.output ?? file, ...kind });
    }
    const result = judged(repaired, machine);
    const text = json
      ? `${reportText([repairReport(result)])}\n`
      : repairText(result, { style: styleFor(process.stdout), all, machine: machineFor(machine) });
    await printReport(text);
    return exitOf(result);
  } catch (error) {
    const stopped = signals.stopped(error);
    if (stopped !== undefined) {
      tell(`${file}: stopped by ${stopped.name}. Nothing was changed.`);
      return stopped.exit;
    }
    const { code, message } = explain(error, file, 'repair it');
    if (json) {
      const report = failedRepairReport(file, code, message);
      await printReport(`${reportText([report])}\n`);
    }
    tell(message);
    return EXIT.failed;
  } finally {
    signals.end();
  }
}

/** Whether a repair for a machine has nothing to do but to write a sound file of another one as that machine has it. */
function isConverted(
  { action, reason, before }: RepairResult,
  { dryRun, output }: RepairOptions,
  machine: WantedMachine,
): machine is MachineName {
  if (machine === undefined || machine === 'any' || before.format === undefined || dryRun === true)
    return false;
  return (
    action === 'none' &&
    reason === undefined &&
    output === undefined &&
    isForeign(before.format, MACHINES[machine])
  );
}

/** What a repair did, with its verdicts for the machine that is to use the file. */
function judged(result: RepairResult, wanted: WantedMachine): RepairResult {
  const judge = judgeFor(wanted);
  const before = judgedFor(result.before, judge);
  const after = result.after && judgedFor(result.after, judge);
  if (after?.verdict !== 'foreign') return { ...result, before, after };
  const name = machineFor(wanted);
  const to = `gdbm-doctor repair --for ${name} ${shellPath(result.output ?? result.path)}`;
  const note = `it is ${foreignText(after, name)}. To do: ${to}`;
  return { ...result, before, after, notes: [...result.notes, note] };
}

/** Says what a check of the file says now, or of a dry run, what it said before. */
function exitOf({ action, before, after, limited }: RepairResult): ExitCode {
  if (limited === true) return EXIT.damaged;
  if (action === 'refused') return EXIT.failed;
  return (after ?? before).verdict === 'healthy' ? EXIT.ok : EXIT.damaged;
}
