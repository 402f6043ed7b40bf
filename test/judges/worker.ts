/**
 * Runs commands of a checkout in this process, so that thousands of them take no start of Node each. The parent sends
 * {@link Task}s and gets a {@link Result} for each.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** A command line, without node and the script. */
export interface Task {
  readonly args: readonly string[];
}

export interface Result {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

const checkout = process.argv[2];
const file = pathToFileURL(join(checkout, 'dist', 'cli', 'main.js')).href;
const { main } = (await import(file)) as { main: (args: readonly string[]) => Promise<number> };

let written = { stdout: '', stderr: '' };
for (const name of ['stdout', 'stderr'] as const) {
  process[name].write = (text: string | Uint8Array, ...rest: unknown[]) => {
    written[name] += typeof text === 'string' ? text : Buffer.from(text).toString('latin1');
    const done = rest.at(-1);
    if (typeof done === 'function') queueMicrotask(() => (done as () => void)());
    return true;
  };
}

process.on('message', ({ args }: Task) => {
  written = { stdout: '', stderr: '' };
  process.argv.splice(2, Infinity, ...args);
  void main(args)
    .catch((error: unknown) => {
      written.stderr += error instanceof Error ? String(error.stack) : String(error);
      return 70;
    })
    .then((exit) => process.send!({ exit, ...written } satisfies Result));
});
process.on('disconnect', () => process.exit());
process.send!('ready');
