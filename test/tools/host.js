/**
 * Runs command after command of a checkout in one process, so that a command takes no start of Node. The parent sends the
 * arguments of a command, and gets its exit code, stdout and stderr. See `hosted.ts`.
 */
import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';

const [, script, checkout] = process.argv;
const { main } = await import(pathToFileURL(join(checkout, 'dist', 'cli', 'main.js')).href);

const written = { stdout: [], stderr: [] };
for (const name of ['stdout', 'stderr']) {
  process[name].write = (text, ...rest) => {
    written[name].push(Buffer.from(text));
    const done = rest.at(-1);
    if (typeof done === 'function') process.nextTick(done);
    return true;
  };
}

process.on('message', async (args) => {
  process.argv = [process.execPath, script, ...args];
  let code;
  try {
    code = await main(args);
  } catch (error) {
    process.stderr.write(
      `gdbm-doctor: unexpected: ${error instanceof Error ? error.stack : String(error)}\n`,
    );
    code = 2;
  }
  const [stdout, stderr] = ['stdout', 'stderr'].map((name) => Buffer.concat(written[name].splice(0)));
  process.send({ code, stdout, stderr });
});
process.on('disconnect', () => process.exit());
process.send('ready');
