import type { Plugin } from 'esbuild';

/**
 * Keeps chalk from finding out what the terminal can: it asks the system and the environment at every start, which takes some
 * milliseconds, and each of our styles says itself whether there are colours.
 */
export function bareChalk(): Plugin {
  return {
    name: 'bare chalk',
    setup(build) {
      build.onLoad({ filter: /[\\/]chalk[\\/]source[\\/]vendor[\\/]supports-color[\\/]index\.js$/ }, () => ({
        contents: 'export default { stdout: false, stderr: false };',
      }));
    },
  };
}
