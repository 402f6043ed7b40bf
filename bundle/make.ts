/**
 * Makes dist/gdbm-doctor.cjs of what tsc left in dist/: the whole program in one file that needs nothing but Node, for
 * containers and machines where nothing can be installed. It reads no other file: not its version, not a locale, not a
 * package.json of wherever it is started.
 */
import { build } from 'esbuild';
import { appendFile, chmod, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bareChalk } from './chalk.js';
import { licencesOf } from './licences.js';
import { bareYargs } from './yargs.js';
import { writtenVersion } from './version.js';

const root = new URL('../', import.meta.url);
const outfile = 'dist/gdbm-doctor.cjs';
const { version, license } = JSON.parse(await readFile(new URL('package.json', root), 'utf8')) as {
  version: string;
  license: string;
};

const { metafile } = await build({
  absWorkingDir: fileURLToPath(root),
  entryPoints: ['bin/gdbm-doctor.js'],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  // Older versions of Node must be able to parse the file, so that it can say that they are too old. Going back to
  // Node 12 would lower private members to WeakMaps, and a check would take twice the time.
  target: 'node14.6',
  // Names stay as they are written, so that the stack of an unexpected error can be read; the rest is for people who
  // have the source.
  minifySyntax: true,
  minifyWhitespace: true,
  // They are all at the end of the file, whole.
  legalComments: 'none',
  define: { 'import.meta.url': 'ownUrl' },
  banner: {
    js: [
      `// gdbm-doctor ${version}, ${license}. The licences of all that is in here are at the end.`,
      // Before any other statement, or it says nothing.
      `'use strict';`,
      `const ownUrl = require('url').pathToFileURL(__filename).href;`,
    ].join('\n'),
  },
  plugins: [bareChalk(), bareYargs(), writtenVersion(version)],
  metafile: true,
  logLevel: 'warning',
});

const file = new URL(outfile, root);
await appendFile(file, await licencesOf(Object.keys(metafile.inputs), root));
await chmod(file, 0o755);
