import { openRegularFile } from '../api/checkedfile.js';
import type { Evidence, Statement } from '../report/json.js';
import type { Source } from '../source/source.js';
import { readChunks } from '../source/source.js';
import { packageVersion } from './terminal.js';

/** The statement of how this run of the command makes its report. */
export async function statementNow(evidence?: readonly Evidence[]): Promise<Statement> {
  return {
    tool: 'gdbm-doctor',
    version: await packageVersion(),
    options: process.argv.slice(2),
    time: new Date().toISOString(),
    ...(evidence && evidence.length > 0 && { evidence }),
  };
}

/** Hashes the file of this name before and after `use`, if wanted. The second hash is of the name, not of the open file. */
export async function withEvidence<T>(
  path: string,
  wanted: boolean,
  use: () => Promise<T>,
): Promise<{ result: T; evidence: Evidence[] }> {
  const before = wanted ? await sha256Of(path) : '';
  const result = await use();
  return { result, evidence: wanted ? [{ path, before, after: await sha256Of(path) }] : [] };
}

async function sha256Of(path: string): Promise<string> {
  const source = await openRegularFile(path);
  try {
    return await sha256OfRange(source, 0, source.size);
  } finally {
    await source.close();
  }
}

/** SHA-256 of a range, in hex. */
export async function sha256OfRange(source: Source, offset: number, length: number): Promise<string> {
  // Loaded on demand: a start without it is some milliseconds shorter.
  const { createHash } = await import('node:crypto');
  const hash = createHash('sha256');
  for await (const bytes of readChunks(source, offset, length)) hash.update(bytes);
  return hash.digest('hex');
}
