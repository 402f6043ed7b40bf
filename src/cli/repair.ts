import type { RepairOptions, RepairResult } from '../repair.js';
import { repair } from '../repair.js';
import { repairReport, reportDocument, unreadableReport } from '../report/json.js';
import { repairText } from '../report/text.js';
import type { ExitCode } from './exit.js';
import { EXIT, explain } from './exit.js';
import { print, styleFor, tell } from './terminal.js';

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
    if (json) await print(`${JSON.stringify(reportDocument([repairReport(result)]), undefined, 2)}\n`);
    else await print(repairText(result, { style: styleFor(process.stdout), all }));
    return exitOf(result, options.dryRun === true);
  } catch (error) {
    if (stoppedBy !== undefined && stop.signal.aborted) {
      tell(`${file}: stopped by ${stoppedBy}. Nothing was changed.`);
      return SIGNALS[stoppedBy];
    }
    const { code, message } = explain(error, file, 'repair it');
    if (json) {
      const report = { ...unreadableReport(file, code, message), action: 'refused' };
      await print(`${JSON.stringify(reportDocument([report]), undefined, 2)}\n`);
    }
    tell(message);
    return EXIT.failed;
  } finally {
    for (const unlisten of listeners) unlisten();
  }
}

function exitOf({ action, before }: RepairResult, dryRun: boolean): ExitCode {
  if (action === 'refused') return EXIT.failed;
  return dryRun && before.verdict === 'damaged' ? EXIT.damaged : EXIT.ok;
}
