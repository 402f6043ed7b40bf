import type { FileFormat } from '../check/check.js';
import type { BetterCopy } from '../copies.js';
import { findBetterCopy, findCopyOfMissing } from '../copies.js';
import { checkReport, reportText, unreadableReport } from '../report/json.js';
import { safeSentence } from '../report/escape.js';
import { number } from '../report/number.js';
import { betterCopyText, foreignText } from '../report/text.js';
import { isMendable, needsRepair } from '../profile/mendable.js';
import { volumeJson, volumeReport } from '../report/volume.js';
import type { VolumeDiagnosis } from '../service/diagnose.js';
import { diagnoseVolume } from '../service/diagnose.js';
import { shellPath } from '../report/shellword.js';
import type { DatabaseFacts } from '../service/facts.js';
import type { CheckedFile } from './check.js';
import { checkFile } from './check.js';
import type { ExitCode } from './exit.js';
import type { ExpectedError } from './explain.js';
import { EXIT } from './exit.js';
import type { WantedMachine } from './machine.js';
import { machineFor } from './machine.js';
import { explain } from './explain.js';
import { printReport, styleFor } from './terminal.js';

export interface DoctorArguments {
  readonly file: string;
  readonly json: boolean;
  /** The machine that is to use the file. */
  readonly machine?: WantedMachine;
}

/** Says what is wrong with a database's place, then with the database, then what to do next; never writes. */
export async function doctorCommand({ file, json, machine }: DoctorArguments): Promise<ExitCode> {
  const checked = await tryCheck(file, machine);
  const found = await diagnoseVolume(file, { database: databaseFacts(checked) });
  // Whether another machine than this one can use it, the check tells.
  const isHere = machine === undefined;
  const problems = found.problems.filter(({ code }) => isHere || !code.startsWith('foreign-'));
  const diagnosis = { ...found, problems };
  const report = json
    ? documentText(file, diagnosis, checked, machine)
    : text(file, diagnosis, checked, machine);
  await printReport(report);
  const placeIsSound = diagnosis.problems.every(({ severity }) => severity !== 'error');
  return placeIsSound && isHealthy(checked) ? EXIT.ok : EXIT.damaged;
}

/** What the check of a file gave, or why it cannot be read; and a copy beside it that has more. */
type Checked = (CheckedFile | ExpectedError) & { readonly betterCopy?: BetterCopy | undefined };

/** Checks the file if it can be read; why it cannot is what this command is for. */
async function tryCheck(path: string, machine: WantedMachine): Promise<Checked> {
  try {
    const checked = await checkFile(path, 'auto', machine);
    return { ...checked, betterCopy: await findBetterCopy(path, checked.result, checked.profile) };
  } catch (error) {
    const { code, message } = explain(error, path, 'read it');
    return { code, message, betterCopy: code === 'no-such-file' ? await findCopyOfMissing(path) : undefined };
  }
}

function isHealthy(checked: Checked): boolean {
  return 'result' in checked && checked.result.verdict === 'healthy';
}

function databaseFacts(checked: Checked): DatabaseFacts | undefined {
  if (!('result' in checked) || checked.result.format === undefined) return undefined;
  const { format, size, verdict } = checked.result;
  // The structure is what speaks for a whole file; values may be as their program stored them.
  const isSound =
    verdict === 'healthy' || verdict === 'foreign' || !needsRepair(checked.result, checked.profile);
  const { byteOrder, layout, hashChar, header, geometry }: FileFormat = format;
  return {
    byteOrder,
    offsetBits: layout.offsetBits,
    alignment: layout.alignment,
    hashChar,
    nextBlock: header.next_block,
    blockSize: geometry.blockSize,
    size,
    healthy: isSound,
  };
}

function documentText(
  path: string,
  diagnosis: VolumeDiagnosis,
  checked: Checked,
  machine: WantedMachine,
): string {
  const { betterCopy } = checked;
  const database =
    'result' in checked
      ? checkReport(path, checked.result, checked.profile, betterCopy)
      : { ...unreadableReport(path, checked.code, checked.message), ...(betterCopy && { betterCopy }) };
  const one = {
    ...database,
    volume: volumeJson(diagnosis),
    next: nextStep(path, diagnosis, checked, machine),
  };
  return `${reportText([one])}\n`;
}

function text(path: string, diagnosis: VolumeDiagnosis, checked: Checked, machine: WantedMachine): string {
  const style = styleFor(process.stdout);
  const verdict = (isHealthy(checked) ? style.green : style.red)(safeSentence(verdictText(checked, machine)));
  const line = (name: string, value: string) => `  ${name.padEnd(12)} ${value.replaceAll('\n', '\\x0a')}\n`;
  return (
    volumeReport(diagnosis, style) +
    line('database', verdict) +
    line('next', safeSentence(nextStep(path, diagnosis, checked, machine)))
  );
}

function verdictText(checked: Checked, machine: WantedMachine): string {
  if (!('result' in checked)) return 'could not be read';
  const { verdict, records, libgdbm } = checked.result;
  switch (verdict) {
    case 'healthy':
      return `healthy, ${number(records.count)} records`;
    case 'foreign':
      return foreignText(checked.result, machineFor(machine));
    case 'damaged':
      return libgdbm === null ? 'DAMAGED, though libgdbm opens it' : `DAMAGED, libgdbm says "${libgdbm}"`;
    case 'not-gdbm':
      return 'NOT A GDBM DATABASE';
  }
}

/** The one thing to do now: what stands in the way comes before the repair. */
function nextStep(
  path: string,
  { problems }: VolumeDiagnosis,
  checked: Checked,
  machine: WantedMachine,
): string {
  const { betterCopy } = checked;
  const bringBack = betterCopy && `${betterCopy.command} (${betterCopyText(betterCopy)})`;
  const first = problems.find(({ severity }) => severity === 'error');
  // What else is wrong with the place comes first.
  const isContents = first?.code === 'file-missing' || first?.code === 'file-empty';
  if (first !== undefined && !(isContents && bringBack !== undefined)) return first.advice;
  if (bringBack !== undefined) {
    return problems.find(({ code }) => code === 'locked-by-process')?.advice ?? bringBack;
  }
  if (!('result' in checked)) return checked.message;
  const { result, profile } = checked;
  if (result.verdict === 'healthy') {
    const warned = problems.some(({ severity }) => severity === 'warning');
    return warned ? 'nothing to repair; see to the warnings' : 'nothing to do';
  }
  if (result.verdict === 'foreign')
    return `gdbm-doctor repair --for ${machineFor(machine)} ${shellPath(path)}`;
  const other = problems.find(({ code }) => code === 'other-database');
  if (other !== undefined) return other.advice;
  if (result.verdict === 'not-gdbm') return result.other?.advice ?? 'Check the path.';
  // Only an earlier copy tells what single values were, or has what is gone.
  if (!isMendable(result, profile)) return `gdbm-doctor snapshots ${shellPath(path)}`;
  const held = problems.find(({ code }) => code === 'locked-by-process');
  const output = result.image === undefined ? '' : '-o OUT ';
  return held?.advice ?? `gdbm-doctor repair ${output}${shellPath(path)}`;
}
