import { readFile } from 'node:fs/promises';

/** The version of this package. The bundle has it written in: see bundle/version.ts. */
export async function packageVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
