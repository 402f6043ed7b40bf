import type { Plugin } from 'esbuild';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Keeps yargs from reading files and from what it does not need here. It looks for its locales beside itself, and for a package.json in the folders above:
 * from within a bundle that would be whatever lies near the bundle, or near the user.
 */
export function bareYargs(): Plugin {
  return {
    name: 'bare yargs',
    setup(build) {
      // Finds no package.json.
      build.onResolve({ filter: /^escalade\/sync$/ }, ({ path }) => ({ path, namespace: 'bare' }));
      build.onLoad({ filter: /^escalade\/sync$/, namespace: 'bare' }, () => ({
        contents: 'export default () => undefined;',
      }));
      // How wide a text is it asks of tables of emoji and of East Asian letters, which take 12 ms to make at every start:
      // none of the help's own words has one.
      build.onResolve({ filter: /^string-width$/ }, ({ path }) => ({ path, namespace: 'bare' }));
      build.onLoad({ filter: /^string-width$/, namespace: 'bare' }, () => ({
        contents: String.raw`export default (text) => [...text.replace(/\x1b\[[\d;]*m/g, '')].length;`,
      }));
      // The command has one language, so every locale is that one.
      build.onLoad(
        { filter: /[\\/]y18n[\\/]build[\\/]lib[\\/]platform-shims[\\/]node\.js$/ },
        async ({ path }) => {
          const modules = path.slice(0, path.lastIndexOf(join('y18n', 'build')));
          const english = await readFile(join(modules, 'yargs', 'locales', 'en.json'), 'utf8');
          return {
            resolveDir: dirname(path),
            contents: `
            import { format } from 'node:util';
            const english = ${JSON.stringify(JSON.stringify(JSON.parse(english)))};
            export default {
              fs: { readFileSync: () => english },
              format,
              resolve: (...parts) => parts.join('/'),
              exists: () => false,
            };`,
          };
        },
      );
    },
  };
}
