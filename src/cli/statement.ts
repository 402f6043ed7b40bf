import { createHash } from 'node:crypto';
import type { Evidence, Statement } from '../report/statement.js';
import type { Source } from '../source/source.js';
import { readChunks } from '../source/source.js';
import { packageVersion } from './version.js';

/** Says how this run of the command makes its report. */
export async function statementNow(evidence?: readonly Evidence[]): Promise<Statement> {
  return {
    tool: 'gdbm-doctor',
    version: await packageVersion(),
    options: process.argv.slice(2),
    time: new Date().toISOString(),
    ...(evidence && evidence.length > 0 && { evidence }),
  };
}

/** SHA-256 in hex of all of a source, read in pieces. */
export async function sha256Of(source: Source): Promise<string> {
  const hash = createHash('sha256');
  for await (const bytes of readChunks(source, 0, source.size)) hash.update(bytes);
  return hash.digest('hex');
}

/** Hashes an open file before and after `use`, if that is wanted. */
export async function withEvidence<T>(
  path: string,
  source: Source,
  wanted: boolean,
  use: () => Promise<T>,
): Promise<{ result: T; evidence: Evidence[] }> {
  const before = wanted ? await sha256Of(source) : '';
  const result = await use();
  if (!wanted) return { result, evidence: [] };
  return { result, evidence: [{ path, before, after: await sha256Of(source) }] };
}
