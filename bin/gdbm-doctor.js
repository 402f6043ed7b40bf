#!/usr/bin/env node
import { main } from '../dist/cli/main.js';

// A reader that went away is dealt with where the write fails; the streams' own events must not end the process.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  // A mistake in the program must not end as "damaged" does.
  process.stderr.write(`gdbm-doctor: unexpected: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 2;
}
