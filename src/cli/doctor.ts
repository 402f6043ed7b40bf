import type { BetterCopy } from '../copies.js';
import { findBetterCopy, findCopyOfMissing } from '../copies.js';
import { named, nextStep } from '../report/advice.js';
import type { OtherDatabase } from '../report/dbm.js';
import { otherAdvice, otherVerdict } from '../report/dbm.js';
import { jsonText, safeSentence } from '../report/escape.js';
import { errorsText, findErrors, withPath } from '../report/errors/find.js';
import { checkReport, reportText, unreadableReport } from '../report/json.js';
import { betterCopyText, count, foreignText } from '../report/sentences.js';
import { volumeReport } from '../report/volume.js';
import type { VolumeDiagnosis } from '../service/diagnose.js';
import { databaseFacts, diagnoseVolume } from '../service/diagnose.js';
import type { VolumeCode } from '../service/facts.js';
import { remarked } from '../service/remedy.js';
import type { CheckedFile } from './check.js';
import { checkFile } from './check.js';
import { otherDatabase, withOther } from './other.js';
import type { WantedMachine } from './options.js';
import { defineCommand, file, forMachine, json, machineFor } from './options.js';
import { EXIT, printReport, styleFor } from './terminal.js';
import type { ExitCode } from './terminal.js';
import type { ExpectedError } from './work.js';
import { explain } from './work.js';

/**
 * Tells what is wrong with a database's place, then with the database, then what to do next; or explains an error message.
 * Never writes.
 */
export const command = defineCommand(
  (parser) =>
    parser
      .positional('file', { ...file, demandOption: false })
      .options({
        json,
        for: forMachine,
        error: {
          type: 'string',
          requiresArg: true,
          describe: 'Explain an error message or traceback; - reads it from stdin',
        },
      })
      .check(
        ({ file, error }) => file !== undefined || error !== undefined || 'expected a file, or --error TEXT',
      )
      .example('$0 doctor /data/flower.db', 'What is wrong, and the one line to do about it')
      .example('$0 doctor --json /data/flower.db | jq .files[].volume.problems', 'For programs')
      .example('$0 doctor --error "Database needs recovery"', 'What a message means, and what to do')
      .example('docker logs flower 2>&1 | $0 doctor --error -', 'The same for a whole log'),
  async ({ file, json, for: machine, error }) => {
    if (error !== undefined) return explainText(error === '-' ? await readStdin() : error, file, json);
    return diagnose(file!, json, machine);
  },
);

/** Explains the error messages in a text. */
async function explainText(text: string, path: string | undefined, json: boolean): Promise<ExitCode> {
  const found = findErrors(text);
  const errors = found.entries.map((entry) => withPath(entry, path));
  await printReport(
    json ? `${jsonText({ version: 1, isExact: found.isExact, errors }, 2)}\n` : errorsText(found, path),
  );
  return found.isExact ? EXIT.ok : EXIT.damaged;
}

/** Bytes at the end of a log that are read: the error that ended a program is the last. */
const MOST_TEXT = 1 << 20;

async function readStdin(): Promise<string> {
  let text = '';
  process.stdin.setEncoding('utf8');
  for await (const more of process.stdin) text = (text + (more as string)).slice(-MOST_TEXT);
  return text;
}

async function diagnose(file: string, json: boolean, machine: WantedMachine): Promise<ExitCode> {
  const checked = await tryCheck(file, machine);
  const found = await diagnoseVolume(file, {
    database:
      'result' in checked ? databaseFacts({ checked: checked.result, profile: checked.profile }) : undefined,
    betterCopy: checked.betterCopy && restoreAdvice(checked.betterCopy),
  });
  // The check has judged for the wanted machine; the diagnosis knows only this one.
  const problems = found.problems.filter(({ code }) => machine === undefined || !code.startsWith('foreign-'));
  const diagnosis = { ...found, problems };
  const next = nextSentence(file, diagnosis, checked, machine);
  const isHealthy =
    checked.other === undefined
      ? 'result' in checked && checked.result.verdict === 'healthy'
      : checked.other.checked.verdict === 'sound';
  if (json) {
    const document = { ...databaseJson(file, checked), volume: { problems, facts: found.facts }, next };
    await printReport(reportText([document]));
  } else {
    const style = styleFor(process.stdout);
    const line = (name: string, value: string) => `  ${name.padEnd(12)} ${value.replaceAll('\n', '\\x0a')}\n`;
    const verdict = safeSentence(verdictText(checked, machine));
    const database = line('database', isHealthy ? style.green(verdict) : style.red(verdict));
    await printReport(volumeReport(diagnosis, style) + database + line('next', safeSentence(next)));
  }
  const placeIsSound = problems.every(({ severity }) => severity !== 'error');
  return placeIsSound && isHealthy ? EXIT.ok : EXIT.damaged;
}

/** The check of a file, or why it cannot be read; and a copy beside it that has more records. */
export type Checked = (CheckedFile | ExpectedError) & {
  readonly betterCopy?: BetterCopy | undefined;
  /** The database of another kind that its program opens by this name. */
  readonly other?: OtherDatabase | undefined;
};

async function tryCheck(path: string, machine: WantedMachine): Promise<Checked> {
  try {
    const checked = await checkFile(path, 'auto', machine);
    const other = await otherDatabase(path, checked.result.verdict === 'not-gdbm');
    return { ...checked, other, betterCopy: await findBetterCopy(path, checked.result, checked.profile) };
  } catch (error) {
    const { code, message } = explain(error, path, 'read it');
    const isMissing = code === 'no-such-file';
    const other = await otherDatabase(path, isMissing);
    const isGone = isMissing && other === undefined;
    return { code, message, other, betterCopy: isGone ? await findCopyOfMissing(path) : undefined };
  }
}

function databaseJson(path: string, checked: Checked): object {
  const { betterCopy, other } = checked;
  if ('result' in checked) {
    return withOther(checkReport(path, checked.result, checked.profile, betterCopy), other);
  }
  const unreadable = unreadableReport(path, checked.code, checked.message);
  return withOther({ ...unreadable, ...(betterCopy && { betterCopy }) }, other);
}

function verdictText(checked: Checked, machine: WantedMachine): string {
  if (checked.other !== undefined) {
    return [otherVerdict(checked.other), ...checked.other.checked.problems].join(': ');
  }
  if (!('result' in checked)) return 'could not be read';
  const { verdict, records, libgdbm } = checked.result;
  switch (verdict) {
    case 'healthy':
      return `healthy, ${count(records.count, 'record')}`;
    case 'foreign':
      return foreignText(checked.result, machineFor(machine));
    case 'damaged':
      return libgdbm === null ? 'DAMAGED, though libgdbm opens it' : `DAMAGED, libgdbm says "${libgdbm}"`;
    case 'not-gdbm':
      return 'NOT A GDBM DATABASE';
  }
}

/** The command that brings a copy back, with the copy's age and contents. */
export function restoreAdvice(copy: BetterCopy, options = ''): string {
  return remarked(`${copy.command}${options}`, betterCopyText(copy));
}

/** Problems of a sound database that are none: its program uses it, and GDBM need not be its kind. */
const AS_IT_SHOULD_BE: readonly VolumeCode[] = ['locked-by-process', 'open-in-process', 'other-database'];

function adviceOfPlace(problems: VolumeDiagnosis['problems']): string {
  return problems.find(({ code }) => !AS_IT_SHOULD_BE.includes(code))?.advice ?? 'nothing to do';
}

/** The one thing to do now: a problem of the place that stands in the way comes before the repair. */
export function nextSentence(
  path: string,
  { problems }: VolumeDiagnosis,
  checked: Checked,
  machine: WantedMachine,
): string {
  const adviceOf = (wanted: string) => problems.find(({ code }) => code === wanted)?.advice;
  const { betterCopy } = checked;
  const first = problems.find(({ severity }) => severity === 'error');
  // Advice on what the file holds names the better copy itself.
  if (first !== undefined) return first.advice;
  const release = adviceOf('locked-by-process');
  if (betterCopy !== undefined) {
    if (release === undefined) return restoreAdvice(betterCopy);
    return betterCopy.kind === 'snapshot' ? restoreAdvice(betterCopy, ' --wait 30') : release;
  }
  const { other } = checked;
  const otherKind = adviceOf('other-database');
  if (other?.checked.verdict === 'sound') return adviceOfPlace(problems);
  if (other !== undefined) {
    const advice = other.checked.verdict === 'damaged' ? otherAdvice(other) : undefined;
    return advice ?? otherKind ?? other.checked.problems.join('; ');
  }
  if (!('result' in checked)) return otherKind ?? checked.message;
  const { result, profile } = checked;
  const { kind, command = '' } = nextStep(path, result, profile, machineFor(machine));
  if (kind === 'nothing') return adviceOfPlace(problems);
  if (kind === 'convert') return command;
  if (otherKind !== undefined) return otherKind;
  if (kind === 'other') return named(result.other?.advice ?? 'ls -la FILE  # check the path', path);
  return kind === 'repair' ? (release ?? command) : command;
}
