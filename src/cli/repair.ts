import type { ArgumentsCamelCase, InferredOptionTypes } from 'yargs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isForeign, judgedFor } from '../check/libgdbm.js';
import type { MachineName } from '../format/machines.js';
import { MACHINES } from '../format/machines.js';
import { repair } from '../repair.js';
import type { RepairResult } from '../repair/result.js';
import { convertedReport, failedRepairReport, repairReport, reportText } from '../report/json.js';
import { shellPath } from '../report/escape.js';
import { foreignText } from '../report/sentences.js';
import { repairText } from '../report/text.js';
import { convert } from './convert.js';
import { refuseOther, tellShadowed } from './file.js';
import type { WantedMachine } from './options.js';
import {
  backup,
  decodeKey,
  defineCommand,
  detail,
  dryRun,
  expectKey,
  file,
  forMachine,
  ifState,
  json,
  judgeFor,
  locking,
  machineFor,
  notStream,
  output,
  profile,
  waitIsValid,
} from './options.js';
import { parseInclude, parseMaxLoss } from './repairlimits.js';
import type { ExitCode } from './terminal.js';
import { detailOf, EXIT, printReport, printSummary } from './terminal.js';
import { runWork } from './work.js';

const repairOptions = {
  output,
  'dry-run': dryRun,
  backup,
  ...locking,
  include: {
    type: 'string',
    requiresArg: true,
    coerce: parseInclude,
    describe:
      'Add what may be old, where nothing better has the key: stale, deleted, carved, or several: a,b',
  },
  stale: {
    type: 'boolean',
    default: true,
    describe: 'Use the newest superseded bucket where none is left for a hash; --no-stale leaves it out',
  },
  empty: {
    type: 'boolean',
    default: false,
    describe: 'Write a database without records although a copy beside the file has some',
  },
  quarantine: {
    type: 'string',
    requiresArg: true,
    describe: 'Write what was found but not kept here, as lines of JSON',
  },
  'expect-key': expectKey,
  profile,
  'keep-unloadable': {
    type: 'boolean',
    default: false,
    describe: 'Keep records that the program cannot load; else they go to FILE.quarantine.~1~',
  },
  // For `watch` and `guard`, which leave all that the program starts with.
  'only-fatal': { type: 'boolean', default: false, hidden: true },
  for: forMachine,
  'max-loss': {
    type: 'string',
    requiresArg: true,
    coerce: parseMaxLoss,
    describe: 'Write nothing if more is lost: a number of records or N%',
  },
  'if-state': ifState,
  json,
  ...detail,
} as const;

type RepairArguments = ArgumentsCamelCase<InferredOptionTypes<typeof repairOptions>>;

/** Repairs files and reports what was kept and what was lost. */
export const command = defineCommand(
  (parser) =>
    parser
      .positional('files', { ...file, array: true })
      .options(repairOptions)
      .check(waitIsValid)
      .check((args) => notStream(args.output, args.quarantine))
      .check(
        ({ files, output, quarantine }) =>
          files.length === 1 ||
          (output === undefined && quarantine === undefined) ||
          `expected one file with --output or --quarantine, found ${files.length}`,
      )
      .check(
        ({ output, quarantine }) =>
          output === undefined ||
          quarantine === undefined ||
          resolve(output) !== resolve(quarantine) ||
          'expected --output and --quarantine to be two files, found one name for both',
      )
      .example('$0 repair flower.db', 'The old file stays as flower.db.~1~')
      .example('$0 repair *.db', 'Several; what is healthy stays as it is')
      .example('$0 repair flower.db -o fixed.db', 'Leave flower.db alone')
      .example('$0 repair --max-loss 1% flower.db', 'Only if nearly all comes back')
      .example('$0 repair --include carved flower.db', 'Also values that only their shape tells')
      .example('$0 repair --for amd64 arm64.db', 'Use a database here that another kind of machine wrote')
      .example('$0 repair --wait 30 flower.db', 'Wait for the program that has it open'),
  async ({ files, ...args }) => {
    const reports: object[] = [];
    const outcomes: string[] = [];
    let exit = 0;
    for (const file of files) {
      const ended = await repairFile(file, args, reports, outcomes);
      exit = Math.max(exit, ended);
      // A signal ends all of it.
      if (ended > EXIT.failed) break;
    }
    if (reports.length > 0) await printReport(reportText(reports));
    else if (!args.json && !args.quiet) await printSummary(outcomes);
    return exit;
  },
);

/**
 * Repairs a file and reports it.
 *
 * @param reports gets the JSON document of the file, where that is wanted
 * @param outcomes gets the outcome in a word or two
 */
function repairFile(
  file: string,
  args: RepairArguments,
  reports: object[],
  outcomes: string[],
): Promise<number> {
  const { json, for: machine, include = [], expectKey = [], output, quarantine, wait, lock, dryRun } = args;
  const failed = (code: string, message: string) => {
    outcomes.push('could not be repaired');
    if (json) reports.push(failedRepairReport(file, code, message));
  };
  return runWork({ path: file, doing: 'repair it', failed }, async (signal, progress) => {
    await tellShadowed(file);
    if (await isMissing(file)) await refuseOther(file);
    const repaired = await repair(file, {
      ...(output !== undefined && { output }),
      ...(quarantine !== undefined && { quarantine }),
      dryRun,
      backup: args.backup,
      wait,
      lock,
      include,
      stale: args.stale,
      expectKeys: expectKey.map((key) => decodeKey(key, 'utf8')),
      profile: args.profile,
      leaveOut: args.keepUnloadable ? 'nothing' : args.onlyFatal ? 'fatal' : 'unloadable',
      maxLoss: args.maxLoss,
      empty: args.empty,
      ifState: args.ifState,
      report: progress.report,
      signal,
    }).finally(progress.end);
    if (!dryRun && output === undefined && isForAnotherMachine(repaired, machine)) {
      outcomes.push('converted');
      const options = { machine, wait, lock, replace: true };
      if (!json) return convert(file, file, options, signal);
      return convert(file, file, options, signal, async (_output, _kind, made) => {
        reports.push(convertedReport(repaired, made));
        return EXIT.ok;
      });
    }
    const result = judged(repaired, machine);
    outcomes.push(outcomeOf(result));
    if (json) reports.push(repairReport(result));
    else if (!args.quiet || outcomeOf(result) !== 'healthy') {
      await printReport(repairText(result, { ...detailOf(args), machine: machineFor(machine) }));
    }
    return exitOf(result);
  });
}

function outcomeOf({ action, before, reason }: RepairResult): string {
  if (action !== 'none') return action === 'repaired' ? 'repaired' : 'not repaired';
  if (before.verdict === 'foreign') return 'for another machine';
  return reason === undefined && before.verdict === 'healthy' ? 'healthy' : 'looked at, nothing written';
}

/** Returns true for a sound database of another machine than the one that was asked for: it is to be converted. */
function isForAnotherMachine(
  { action, reason, before }: RepairResult,
  machine: WantedMachine,
): machine is MachineName {
  if (machine === undefined || machine === 'any' || before.format === undefined) return false;
  return action === 'none' && reason === undefined && isForeign(before.format, MACHINES[machine]);
}

/** The result with its verdicts for the machine that is to use the file. */
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

/** The exit code that a check of the file gives now, or of a dry run, gave before. */
function exitOf({ action, before, after, limited }: RepairResult): ExitCode {
  if (limited === true) return EXIT.damaged;
  if (action === 'refused') return EXIT.failed;
  return (after ?? before).verdict === 'healthy' ? EXIT.ok : EXIT.damaged;
}

async function isMissing(path: string): Promise<boolean> {
  return stat(path).then(
    () => false,
    () => true,
  );
}
