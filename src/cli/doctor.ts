import type { CheckResult, FileFormat } from '../check/check.js';
import { check } from '../examine.js';
import { checkReport, reportText, unreadableReport } from '../report/json.js';
import { safeSentence } from '../report/escape.js';
import { number } from '../report/number.js';
import { volumeJson, volumeReport } from '../report/volume.js';
import type { VolumeDiagnosis } from '../volume/diagnose.js';
import { diagnoseVolume } from '../volume/diagnose.js';
import { shellPath } from '../volume/shellword.js';
import type { DatabaseFacts } from '../volume/volumefacts.js';
import type { ExitCode } from './exit.js';
import type { ExpectedError } from './explain.js';
import { EXIT } from './exit.js';
import { explain } from './explain.js';
import { openRegularFile } from './file.js';
import { progressLine } from './progress.js';
import { printReport, styleFor } from './terminal.js';

export interface DoctorArguments {
  readonly file: string;
  readonly json: boolean;
}

/** Says what is wrong with a database's place, then with the database, then what to do next; never writes. */
export async function doctorCommand({ file, json }: DoctorArguments): Promise<ExitCode> {
  const checked = await tryCheck(file);
  const diagnosis = await diagnoseVolume(file, { database: databaseFacts(checked) });
  const report = json ? documentText(file, diagnosis, checked) : text(file, diagnosis, checked);
  if (!(await printReport(report))) return EXIT.failed;
  const placeIsSound = diagnosis.problems.every(({ severity }) => severity !== 'error');
  return placeIsSound && 'verdict' in checked && checked.verdict === 'healthy' ? EXIT.ok : EXIT.damaged;
}

/** Checks the file if it can be read; why it cannot is what this command is for. */
async function tryCheck(path: string): Promise<CheckResult | ExpectedError> {
  try {
    const source = await openRegularFile(path);
    const progress = progressLine();
    try {
      return await check(source, progress.report);
    } finally {
      progress.end();
      await source.close();
    }
  } catch (error) {
    return explain(error, path, 'read it');
  }
}

function databaseFacts(checked: CheckResult | ExpectedError): DatabaseFacts | undefined {
  if (!('verdict' in checked) || checked.format === undefined) return undefined;
  const { format, size, verdict } = checked;
  const { byteOrder, layout, hashChar, header, geometry }: FileFormat = format;
  return {
    byteOrder,
    offsetBits: layout.offsetBits,
    alignment: layout.alignment,
    hashChar,
    nextBlock: header.next_block,
    blockSize: geometry.blockSize,
    size,
    healthy: verdict === 'healthy',
  };
}

function documentText(
  path: string,
  diagnosis: VolumeDiagnosis,
  checked: CheckResult | ExpectedError,
): string {
  const database =
    'verdict' in checked ? checkReport(path, checked) : unreadableReport(path, checked.code, checked.message);
  const one = { ...database, volume: volumeJson(diagnosis), next: nextStep(path, diagnosis, checked) };
  return `${reportText([one])}\n`;
}

function text(path: string, diagnosis: VolumeDiagnosis, checked: CheckResult | ExpectedError): string {
  const style = styleFor(process.stdout);
  const healthy = 'verdict' in checked && checked.verdict === 'healthy';
  const verdict = (healthy ? style.green : style.red)(safeSentence(verdictText(checked)));
  const line = (name: string, value: string) => `  ${name.padEnd(12)} ${value.replaceAll('\n', '\\x0a')}\n`;
  return (
    volumeReport(diagnosis, style) +
    line('database', verdict) +
    line('next', safeSentence(nextStep(path, diagnosis, checked)))
  );
}

function verdictText(checked: CheckResult | ExpectedError): string {
  if (!('verdict' in checked)) return 'could not be read';
  switch (checked.verdict) {
    case 'healthy':
      return `healthy, ${number(checked.records.count)} records`;
    case 'damaged':
      return checked.libgdbm === null
        ? 'DAMAGED, though libgdbm opens it'
        : `DAMAGED, libgdbm says "${checked.libgdbm}"`;
    case 'not-gdbm':
      return 'NOT A GDBM DATABASE';
  }
}

/** The one thing to do now: what stands in the way comes before the repair. */
function nextStep(path: string, { problems }: VolumeDiagnosis, checked: CheckResult | ExpectedError): string {
  const first = problems.find(({ severity }) => severity === 'error');
  if (first !== undefined) return first.advice;
  if (!('verdict' in checked)) return checked.message;
  if (checked.verdict === 'healthy') {
    const warned = problems.some(({ severity }) => severity === 'warning');
    return warned ? 'nothing to repair; see to the warnings' : 'nothing to do';
  }
  const other = problems.find(({ code }) => code === 'other-database');
  if (other !== undefined) return other.advice;
  if (checked.verdict === 'not-gdbm') return checked.other?.advice ?? 'Check the path.';
  const held = problems.find(({ code }) => code === 'locked-by-process');
  return held?.advice ?? `gdbm-doctor repair ${shellPath(path)}`;
}
