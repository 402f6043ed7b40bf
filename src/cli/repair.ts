import type { RepairOptions, RepairResult } from '../repair.js';
import { repair } from '../repair.js';
import { failedRepairReport, repairReport, reportDocument } from '../report/json.js';
import { repairText } from '../report/text.js';
import type { ExitCode } from './exit.js';
import { EXIT, explain } from './exit.js';
import { printReport, styleFor, tell } from './terminal.js';

export interface RepairArguments extends Omit<RepairOptions, 'signal'> {
  readonly file: string;
  readonly json: boolean;
  readonly all: boolean;
}

/** Signals that end a repair, and what a shell calls a process that they ended. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** Repairs one file and reports what was kept and what was lost. */
export async function repairCommand({ file, json, all, ...options }: RepairArguments): Promise<number> {
  const stop = new AbortController();
  let stoppedBy: keyof typeof SIGNALS | undefined;
  const listeners = (Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]).map((name) => {
    const listener = () => {
      stoppedBy ??= name;
      stop.abort();
    };
    process.on(name, listener);
    return () => process.off(name, listener);
  });
  try {
    const result = await repair(file, { ...options, signal: stop.signal });
    const text = json
      ? `${JSON.stringify(reportDocument([repairReport(result)]), undefined, 2)}\n`
      : repairText(result, { style: styleFor(process.stdout), all });
    await printReport(text);
    return exitOf(result, options.dryRun === true);
  } catch (error) {
    if (stoppedBy !== undefined && isAbort(error, stop.signal)) {
      tell(`${file}: stopped by ${stoppedBy}. Nothing was changed.`);
      return SIGNALS[stoppedBy];
    }
    const { code, message } = explain(error, file, 'repair it');
    if (json) {
      const report = failedRepairReport(file, code, message);
      await printReport(`${JSON.stringify(reportDocument([report]), undefined, 2)}\n`);
    }
    tell(message);
    return EXIT.failed;
  } finally {
    for (const unlisten of listeners) unlisten();
  }
}

/** Whether the repair ended because it was told to, before it replaced anything. */
function isAbort(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && (error === signal.reason || (error as Error).name === 'AbortError');
}

function exitOf({ action, before }: RepairResult, dryRun: boolean): ExitCode {
  if (action === 'refused') return EXIT.failed;
  return dryRun && before.verdict === 'damaged' ? EXIT.damaged : EXIT.ok;
}
