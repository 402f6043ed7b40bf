import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';

/** A file of docs/deploy/. */
export function deployed(name: string): string {
  return fileURLToPath(new URL(`../../docs/deploy/${name}`, import.meta.url));
}

export function textOf(name: string): Promise<string> {
  return readFile(deployed(name), 'utf8');
}

/** The only document of a YAML file; anything that is not right about it, warnings too, is thrown. */
export async function yamlOf<T>(name: string): Promise<T> {
  const documents = parseAllDocuments(await textOf(name), { merge: true, strict: true });
  if (!Array.isArray(documents) || documents.length !== 1) throw new Error(`${name}: expected one document`);
  const [document] = documents;
  const [trouble] = [...document.errors, ...document.warnings];
  if (trouble !== undefined) throw trouble;
  return document.toJS() as T;
}
