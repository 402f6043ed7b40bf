import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { openDatabase } from '../database/database.js';
import type { SnapshotFacts } from '../exchange/latest.js';
import { latestSnapshot } from '../exchange/latest.js';
import { safeSentence, jsonText } from '../report/escape.js';
import { REPORT_VERSION } from '../report/json.js';
import { fileSource } from '../source/file.js';
import { defineCommand, json } from './options.js';
import { EXIT, printReport } from './terminal.js';

/** Tells from which of two crash-tolerance snapshots to recover, and why; never writes. */
export const command = defineCommand(
  (parser) =>
    parser
      .positional('even', { type: 'string', demandOption: true, describe: 'One snapshot' })
      .positional('odd', { type: 'string', demandOption: true, describe: 'The other' })
      .options({ json })
      .example('$0 latest-snapshot even.db odd.db', 'From which to recover, and why'),
  async ({ even, odd, json }) => {
    const facts = { even: await factsOf(even), odd: await factsOf(odd) };
    const { verdict, latest, reason } = latestSnapshot(facts.even, facts.odd);
    const path = latest === undefined ? undefined : { even, odd }[latest];
    if (json) {
      const one = (file: string, known: SnapshotFacts | undefined) => ({
        path: file,
        mode: known === undefined ? null : octal(known),
        modified: known === undefined ? null : time(known),
        numsync: known?.numsync ?? null,
      });
      const document = {
        version: REPORT_VERSION,
        verdict,
        latest: path ?? null,
        reason,
        even: one(even, facts.even),
        odd: one(odd, facts.odd),
      };
      await printReport(`${jsonText(document, 2)}\n`);
    } else {
      const line = (name: string, file: string, known: SnapshotFacts | undefined) =>
        known === undefined
          ? `  ${name}  ${file}: not there`
          : `  ${name}  ${file}: mode ${octal(known)}, changed ${time(known)}, syncs ${known.numsync ?? 'not counted'}`;
      const first =
        path === undefined
          ? `${verdict.toUpperCase()}: no snapshot to recover from can be told`
          : `Recover from: ${path}`;
      const lines = [
        first,
        `  why   ${reason}`,
        line('even', even, facts.even),
        line('odd ', odd, facts.odd),
      ];
      await printReport(lines.map((text) => `${safeSentence(text)}\n`).join(''));
    }
    return latest === undefined ? EXIT.damaged : EXIT.ok;
  },
);

const octal = ({ mode }: SnapshotFacts) => `0${mode.toString(8).padStart(3, '0')}`;
const time = ({ mtime }: SnapshotFacts) => new Date(Number(mtime / 1_000_000n)).toISOString();

/** Undefined if there is no such regular file. */
async function factsOf(path: string): Promise<SnapshotFacts | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  if (found === undefined || !found.isFile()) return undefined;
  return { mode: Number(found.mode) & 0o777, mtime: found.mtimeNs, numsync: await numsyncOf(path) };
}

async function numsyncOf(path: string): Promise<number | undefined> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined);
  if (handle === undefined) return undefined;
  try {
    return (await openDatabase(await fileSource(handle)))?.extended?.numsync;
  } finally {
    await handle.close();
  }
}
