import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** The path of a committed fixture. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));
}

/** Contents of each of the small fixtures: key to value, both base64, sorted. */
export async function fixtureRecords(): Promise<[string, string][]> {
  const text = await readFile(fixture('records.ndjson'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { key: string; value: string })
    .map(({ key, value }): [string, string] => [key, value])
    .sort();
}
