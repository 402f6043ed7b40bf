#!/usr/bin/env node
// A reader that went away is dealt with where the write fails; the streams' own events must not end the process.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});
// No `await` here: the bundle is CommonJS, which has none outside of functions. Until the program has ended by itself
// it has failed.
process.exitCode = 2;
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

/** The version alone needs nothing of the program. */
async function run(args) {
  if (args.length === 1 && args[0] === '--version') {
    const { packageVersion } = await import('../dist/cli/version.js');
    process.stdout.write(`${await packageVersion()}\n`);
    return 0;
  }
  const { main } = await import('../dist/cli/main.js');
  return main(args);
}
