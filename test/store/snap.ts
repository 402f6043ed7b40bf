import assert from 'node:assert/strict';
import type { FileHandle } from 'node:fs/promises';
import { copyFile, open, readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { JudgedFile, Taken, TakeOptions } from '../../src/store/take.js';
import { RefusedError } from '../../src/store/errors.js';
import { takeSnapshot } from '../../src/store/take.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';

/** A copy of a sound fixture with 102 records, in a separate folder. */
export async function soundFile(t: TestContext): Promise<{ folder: string; path: string; store: string }> {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'flower.db');
  await copyFile(fixture('amd64.db'), path);
  return { folder, path, store: join(folder, '.flower.db.snapshots') };
}

/** Takes a snapshot of a file as it is now. */
export async function take(
  path: string,
  { records = 102, poor, ...options }: TakeOptions & Partial<Pick<JudgedFile, 'records' | 'poor'>> = {},
): Promise<Taken> {
  const handle = await open(path, 'r');
  try {
    return await takeSnapshot(path, { handle, stats: await handle.stat(), records, poor }, options);
  } finally {
    await handle.close();
  }
}

/** Changes the bytes of a file so that a copy must notice it. */
export async function change(path: string, mark: number): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await writeAt(handle, mark);
  } finally {
    await handle.close();
  }
  // Two writes within one tick of the clock would leave the same time.
  await utimes(path, new Date(), new Date(1_700_000_000_000 + mark * 1000));
}

async function writeAt(handle: FileHandle, mark: number): Promise<void> {
  const { size } = await handle.stat();
  await handle.write(Buffer.from([mark & 0xff, (mark >> 8) & 0xff]), 0, 2, size - 2);
}

/** Names of fresh files in a folder. */
export async function leftovers(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith('.tmp'));
}

/** A program that uses the library to take a snapshot. Needs a build. */
const TAKE = `
import { open } from 'node:fs/promises';
const { takeSnapshot } = await import(${JSON.stringify(new URL('../../dist/store/take.js', import.meta.url).href)});
const [path] = process.argv.slice(1);
const handle = await open(path);
try {
  const { taken, why } = await takeSnapshot(path, { handle, stats: await handle.stat(), records: 102 });
  console.log(taken?.path, why);
} catch (error) {
  if (error.name !== 'RefusedError') throw error;
  console.error(error.code + ' ' + error.message);
  process.exitCode = 2;
}
// The program continues after a refusal.
console.log('went on');
`;
/** The command that runs it: node and its arguments. */
export function inProcess(path: string): [string, ...string[]] {
  return [process.execPath, '--input-type=module', '-e', TAKE, path];
}

/** Requires that work is refused with this code. */
export async function refusedWith(code: string, work: Promise<unknown>): Promise<RefusedError> {
  let found: unknown;
  await work.catch((error: unknown) => (found = error));
  assert.ok(found instanceof RefusedError, String(found));
  assert.equal(found.code, code, found.message);
  return found;
}
