#!/usr/bin/env node
// Node is checked before anything else is loaded: an older one fails on syntax, with a message that helps nobody.
// This file is written in syntax that Node 12 reads.
const [major, minor] = process.versions.node.split('.').map(Number);
/** The same range as `engines` in package.json. */
const isSupported = major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19);

// A reader that went away is dealt with where the write fails; the streams' own events must not end the process.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});
// No `await` here: the bundle is CommonJS, which has none outside of functions. Until the program has ended by itself
// it has failed.
process.exitCode = 2;
if (isSupported) {
  run(process.argv.slice(2)).then(
    (code) => {
      process.exitCode = code;
    },
    (error) => {
      // A mistake in the program must not end as "damaged" does.
      process.stderr.write(
        `gdbm-doctor: unexpected: ${error instanceof Error ? error.stack : String(error)}\n`,
      );
      process.exitCode = 2;
    },
  );
} else {
  process.stderr.write(
    `gdbm-doctor: needs Node 20.19, 22.12 or later, found Node ${process.versions.node}; install a newer one, or run the command in the image node:24-alpine\n`,
  );
}

/** The version alone needs nothing of the program. */
async function run(args) {
  if (args.length === 1 && args[0] === '--version') {
    const { endOutput, packageVersion, printReport } = await import('../dist/cli/terminal.js');
    await printReport(`${await packageVersion()}\n`);
    return endOutput(0);
  }
  const { main } = await import('../dist/cli/main.js');
  return main(args);
}
