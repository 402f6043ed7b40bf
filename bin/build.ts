/**
 * Builds all that is made of the sources: `npm run build`, or `npm run page` for the first step alone.
 *
 * 1. src/report/html/assets.ts of src/page/: script and style of the HTML reports.
 * 2. dist/ of src/, by tsc.
 * 3. dist/gdbm-doctor.cjs of dist/: the whole program in one file that needs nothing but Node, for machines where nothing
 *    can be installed.
 * 4. dist/gdbm-doctor.1: the manual page, of the texts that `--help` shows.
 */
import type { Plugin } from 'esbuild';
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFile, chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);
const rootPath = fileURLToPath(root);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(new URL('src/report/html/assets.ts', root), await pageAssets());
  if (process.argv[2] !== 'page') {
    await rm(new URL('dist', root), { recursive: true, force: true });
    const tsc = fileURLToPath(import.meta.resolve('typescript/bin/tsc'));
    execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: rootPath, stdio: 'inherit' });
    await makeBundle();
    await makeManual();
  }
}

interface PackageFacts {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly description: string;
}

async function packageFacts(folder: URL): Promise<PackageFacts> {
  return JSON.parse(await readFile(new URL('package.json', folder), 'utf8')) as PackageFacts;
}

/**
 * The text of src/report/html/assets.ts: script and style, and the hashes by which a report's Content-Security-Policy
 * admits these alone. A test compares it with the committed file.
 */
export async function pageAssets(): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: rootPath,
    entryPoints: ['src/page/main.ts', 'src/page/style.css'],
    outdir: 'unused',
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    target: 'es2022',
    legalComments: 'none',
    charset: 'ascii',
  });
  const [script, style] = ['.js', '.css'].map((end) =>
    outputFiles.find(({ path }) => path.endsWith(end))!.text.trim(),
  );
  if (/<\/?(script|style|!--)/i.test(script + style)) throw new Error('the page would end its own script');
  const hash = (text: string) => `sha256-${createHash('sha256').update(text).digest('base64')}`;
  const values = { SCRIPT: script, SCRIPT_HASH: hash(script), STYLE: style, STYLE_HASH: hash(style) };
  const lines = Object.entries(values).map(
    ([name, value]) => `export const ${name} = ${JSON.stringify(value)};\n`,
  );
  return `// Made by bin/build.ts of src/page/: npm run page\n${lines.join('')}`;
}

async function makeBundle(): Promise<void> {
  const { version, license } = await packageFacts(root);
  const outfile = 'dist/gdbm-doctor.cjs';
  const { metafile } = await build({
    absWorkingDir: rootPath,
    entryPoints: ['bin/gdbm-doctor.js'],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    // Older versions of Node must be able to parse the file, so that it can say that they are too old. A target of Node 12
    // would turn private members into WeakMaps, and a check would take twice the time.
    target: 'node14.6',
    // Names are kept, so that the stack of an unexpected error can be read.
    minifySyntax: true,
    minifyWhitespace: true,
    // The licences stand at the end of the file, whole.
    legalComments: 'none',
    define: { 'import.meta.url': 'ownUrl', BUNDLED_VERSION: JSON.stringify(version) },
    banner: {
      js: [
        `// gdbm-doctor ${version}, ${license}. The licences of all that is in here are at the end.`,
        // Has an effect only before any other statement.
        `'use strict';`,
        `const ownUrl = require('url').pathToFileURL(__filename).href;`,
      ].join('\n'),
    },
    plugins: [withoutFiles()],
    metafile: true,
    logLevel: 'warning',
  });
  const file = new URL(outfile, root);
  await appendFile(file, await licencesOf(Object.keys(metafile.inputs)));
  await chmod(file, 0o755);
}

/**
 * Keeps the bundle from reading other files and from asking about the terminal at each start. yargs looks for its locales
 * beside itself and for a package.json in the folders above: in a bundle that would be any file near it, or near the user.
 */
function withoutFiles(): Plugin {
  return {
    name: 'without files',
    setup(bundle) {
      const replace = (filter: RegExp, contents: string) => bundle.onLoad({ filter }, () => ({ contents }));
      const replacePackage = (filter: RegExp, contents: string) => {
        bundle.onResolve({ filter }, ({ path }) => ({ path, namespace: 'replaced' }));
        bundle.onLoad({ filter, namespace: 'replaced' }, () => ({ contents }));
      };
      // Takes some milliseconds, and each of our styles has its own level of colours.
      replace(
        /[\\/]chalk[\\/]source[\\/]vendor[\\/]supports-color[\\/]index\.js$/,
        'export default { stdout: false, stderr: false };',
      );
      // Finds no package.json.
      replacePackage(/^escalade\/sync$/, 'export default () => undefined;');
      // Makes tables of emoji and of East Asian letters, which takes 12 ms; the help has none of these.
      replacePackage(
        /^string-width$/,
        String.raw`export default (text) => [...text.replace(/\x1b\[[\d;]*m/g, '')].length;`,
      );
      // The command has one language, so every locale is that one.
      bundle.onLoad(
        { filter: /[\\/]y18n[\\/]build[\\/]lib[\\/]platform-shims[\\/]node\.js$/ },
        async ({ path }) => {
          const modules = path.slice(0, path.lastIndexOf(join('y18n', 'build')));
          const english = await readFile(join(modules, 'yargs', 'locales', 'en.json'), 'utf8');
          const contents = `
            import { format } from 'node:util';
            const english = ${JSON.stringify(JSON.stringify(JSON.parse(english)))};
            export default {
              fs: { readFileSync: () => english },
              format,
              resolve: (...parts) => parts.join('/'),
              exists: () => false,
            };`;
          return { resolveDir: dirname(path), contents };
        },
      );
    },
  };
}

/**
 * The licences of our own code and of every package in a bundle, as one comment in JavaScript: a copy of the one file must
 * have them too.
 *
 * @param inputs paths below the root
 * @throws Error if a package has none
 */
async function licencesOf(inputs: readonly string[]): Promise<string> {
  // Up to the last node_modules: a package may have its own copy of another one.
  const packages = inputs.flatMap(
    (path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [],
  );
  const parts = [`gdbm-doctor\n\n${await licenceIn(root)}`];
  for (const path of [...new Set(packages)].sort()) {
    const folder = new URL(`${path}/`, root);
    const { name, version } = await packageFacts(folder);
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

async function makeManual(): Promise<void> {
  const { COMMAND_NAMES, parserFor } = await import('../src/cli/main.js');
  const helpFor = async (args: readonly string[]) =>
    (await (await parserFor(args, async () => {})).getHelp()).trim();
  const { version, description } = await packageFacts(root);
  const overview = await helpFor([]);
  const sections: string[] = [];
  for (const name of COMMAND_NAMES) {
    // `help` has no help of its own, and `look` is not for people.
    if (!overview.includes(`gdbm-doctor ${name} `) || name === 'help') continue;
    sections.push(`.SS ${name.replaceAll('-', '\\-')}\n${verbatim(await helpFor([name]))}`);
  }
  const page = `.\\" Made of the program's own descriptions.
.TH GDBM\\-DOCTOR 1 "" "gdbm\\-doctor ${version}" "User commands"
.SH NAME
gdbm\\-doctor \\- ${description.replaceAll('-', '\\-')}
.SH SYNOPSIS
.B gdbm\\-doctor
.I command
.RI [ options ]
.SH DESCRIPTION
${verbatim(overview)}
.SH COMMANDS
${sections.join('\n')}
.SH EXIT STATUS
0: healthy, or usable now.
1: damaged, a key that is not there, or over a limit that was set.
2: it could not do its job.
Ended by a signal: 128 and the signal's number.
guard ends as its program does; with 125 where it does not start it.
.SH SEE ALSO
.BR gdbmtool (1),
.BR gdbm_dump (1),
.BR gdbm_load (1)
`;
  await writeFile(new URL('dist/gdbm-doctor.1', root), page);
}

/** A text for roff, line by line: no line may look like a request, and no backslash begin one. */
function verbatim(text: string): string {
  const lines = text.replaceAll('\\', '\\e').split('\n');
  return ['.nf', ...lines.map((line) => (/^[.']/.test(line) ? `\\&${line}` : line)), '.fi'].join('\n');
}
