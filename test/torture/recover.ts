import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { check } from '../../src/examine.js';
import { openDatabase } from '../../src/database/database.js';
import { readRecords } from '../../src/read/records.js';
import { repair } from '../../src/repair.js';
import { memorySource } from '../../src/source/source.js';
import { latin1 } from './life.js';

/** Result of the repair of a damaged file. */
export interface Recovered {
  /** Every key with its value; undefined where the repair refused. */
  readonly contents: ReadonlyMap<string, string> | undefined;
  /** The fresh file. */
  readonly bytes: Uint8Array | undefined;
  /** Reason of the refusal, the error, or the first finding of a check of the fresh file. */
  readonly trouble: string | undefined;
  /** `trouble` is none of what a repair may say. */
  readonly failed: boolean;
}

/** A repair that takes longer is a fault of its own. */
const MILLISECONDS = 60_000;

/** The library's repair, of this checkout or of another one. */
export type Repair = typeof repair;

/** Repairs damaged bytes as a user does, by way of files. The one place that knows how our side is called. */
export async function recover(damaged: Uint8Array, repairFile: Repair = repair): Promise<Recovered> {
  const folder = await mkdtemp(join(tmpdir(), 'gdbm-doctor-torture-'));
  try {
    const path = join(folder, 'damaged.db');
    const output = join(folder, 'fresh.db');
    // No ACL is handed on where only the owner has rights; another program would have to read it.
    await writeFile(path, damaged, { mode: 0o600 });
    const { action, reason } = await repairFile(path, {
      output,
      lock: false,
      signal: AbortSignal.timeout(MILLISECONDS),
    });
    if (action !== 'repaired') return { ...nothing, trouble: `refused: ${reason}` };
    const bytes = await readFile(output);
    const { verdict, findings } = await check(memorySource(bytes));
    const trouble = verdict === 'healthy' ? undefined : `the fresh file: ${JSON.stringify(findings[0])}`;
    return { contents: await contentsOf(bytes), bytes, trouble, failed: trouble !== undefined };
  } catch (error) {
    return { ...nothing, trouble: String(error), failed: true };
  } finally {
    await rm(folder, { recursive: true });
  }
}

const nothing: Recovered = { contents: undefined, bytes: undefined, trouble: undefined, failed: false };

/** Every key with its value in a sound file. */
export async function contentsOf(bytes: Uint8Array): Promise<Map<string, string>> {
  const db = await openDatabase(memorySource(bytes));
  if (db === undefined) throw new Error('expected a sound database');
  const contents = new Map<string, string>();
  for await (const { key, readValue } of readRecords(db))
    contents.set(latin1(key), latin1(await readValue()));
  return contents;
}
