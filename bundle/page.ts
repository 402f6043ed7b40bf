/**
 * Makes src/report/html/assets.ts of src/page/: the script and the style that every HTML report has, with the
 * hashes by which its Content-Security-Policy lets just these run.
 */
import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);

/** The text of the file; a test holds it against what is committed. */
export async function pageAssets(): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: fileURLToPath(root),
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
  const values = {
    SCRIPT: script,
    SCRIPT_HASH: hash(script),
    STYLE: style,
    STYLE_HASH: hash(style),
  };
  const lines = Object.entries(values).map(
    ([name, value]) => `export const ${name} = ${JSON.stringify(value)};\n`,
  );
  return `// Made by bundle/page.ts of src/page/: npm run page\n${lines.join('')}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(new URL('src/report/html/assets.ts', root), await pageAssets());
}
