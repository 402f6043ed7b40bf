import { readdir, readFile } from 'node:fs/promises';

/**
 * The licences of every package that a file of a bundle comes from, as one comment in JavaScript. They go where the
 * code goes: a copy of the one file must have them too.
 *
 * @param inputs paths below `root`
 * @throws Error where a package has none
 */
export async function licencesOf(inputs: readonly string[], root: URL): Promise<string> {
  // The last node_modules counts: a package may have its own copy of another one.
  const packages = inputs.flatMap(
    (path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [],
  );
  const parts = [`gdbm-doctor\n\n${await licenceIn(root)}`];
  for (const path of [...new Set(packages)].sort()) {
    const folder = new URL(`${path}/`, root);
    const { name, version } = JSON.parse(await readFile(new URL('package.json', folder), 'utf8')) as {
      name: string;
      version: string;
    };
    parts.push(`${name} ${version}\n\n${await licenceIn(folder)}`);
  }
  return `\n/*\n${parts.join(`\n${'-'.repeat(80)}\n`)}*/\n`;
}

async function licenceIn(folder: URL): Promise<string> {
  const name = (await readdir(folder)).find((one) => /^licen[cs]e/i.test(one));
  if (name === undefined) throw new Error(`${folder.pathname} has no licence that could be kept`);
  const text = (await readFile(new URL(name, folder), 'utf8')).trim();
  if (text.includes('*/')) throw new Error(`${folder.pathname}${name} does not fit into a comment`);
  return `${text.replaceAll('\r\n', '\n')}\n`;
}
