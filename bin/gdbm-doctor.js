#!/usr/bin/env node
import { main } from '../dist/cli/main.js';

// A reader that went away is dealt with where the write fails; the stream's own event must not end the process.
process.stdout.on('error', () => {});
process.exitCode = await main(process.argv.slice(2));
