import type { Plugin } from 'esbuild';

/** Writes the version in, where src/cli/version.ts reads package.json. */
export function writtenVersion(version: string): Plugin {
  return {
    name: 'written version',
    setup(build) {
      build.onLoad({ filter: /[\\/]dist[\\/]cli[\\/]version\.js$/ }, () => ({
        contents: `export async function packageVersion() { return ${JSON.stringify(version)}; }`,
      }));
    },
  };
}
