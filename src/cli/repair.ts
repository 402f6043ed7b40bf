import type { RepairOptions, RepairResult } from '../repair/result.js';
import { repair } from '../repair/repair.js';
import { failedRepairReport, repairReport, reportText } from '../report/json.js';
import { repairText } from '../report/text.js';
import type { ExitCode } from './exit.js';
import { EXIT } from './exit.js';
import { explain } from './explain.js';
import { progressLine } from './progress.js';
import { StopSignals } from './signals.js';
import { printReport, styleFor, tell } from './terminal.js';

export interface RepairArguments extends Omit<RepairOptions, 'signal'> {
  readonly file: string;
  readonly json: boolean;
  readonly all: boolean;
}

/** Repairs one file and reports what was kept and what was lost. */
export async function repairCommand({ file, json, all, ...options }: RepairArguments): Promise<number> {
  const signals = new StopSignals();
  const progress = progressLine();
  try {
    const result = await repair(file, {
      ...options,
      report: progress.report,
      signal: signals.signal,
    }).finally(progress.end);
    const text = json
      ? `${reportText([repairReport(result)])}\n`
      : repairText(result, { style: styleFor(process.stdout), all });
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

/** Says what a check of the file says now, or of a dry run, what it said before. */
function exitOf({ action, before, after, limited }: RepairResult): ExitCode {
  if (limited === true) return EXIT.damaged;
  if (action === 'refused') return EXIT.failed;
  return (after ?? before).verdict === 'healthy' ? EXIT.ok : EXIT.damaged;
}
