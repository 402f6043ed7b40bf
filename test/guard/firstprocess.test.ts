import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BIN } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';

/*
 * As process 1 of a container nothing is the default for a signal, and orphans of others are the first process's.
 */

/** Process 1 of a namespace of its own, which sees only itself and its children in /proc. */
const FIRST = ['--pid', '--fork', '--kill-child', '--mount-proc'];

for (const [what, script, signal, expected] of [
  ['its program’s exit code is its own', 'process.exitCode = 7', undefined, 7],
  [
    'a signal that ends the program is told by the exit code',
    'process.kill(process.pid, "SIGKILL")',
    undefined,
    137,
  ],
  [
    'SIGTERM is passed on, and the program ends as it likes',
    'process.on("SIGTERM", () => process.exit(9)); setInterval(() => {}, 1000); console.log("up", process.ppid)',
    'SIGTERM',
    9,
  ],
  [
    'SIGTERM ends a program that does not heed it',
    'setInterval(() => {}, 1000); console.log("up", process.ppid)',
    'SIGTERM',
    143,
  ],
] as const) {
  testWith(['mounts', 'root'], `as process 1: ${what}`, async (t) => {
    const path = join(await temporaryFolder(t), 'state.db');
    await copyFile(fixture('amd64.db'), path);
    const guard = [process.execPath, BIN, 'guard', path, '--', process.execPath, '-e', script];
    // unshare keeps SIGTERM from itself; what is sent goes to process 1 by the number that it has outside.
    const child = spawn('unshare', [...FIRST, ...guard], { stdio: ['ignore', 'pipe', 'ignore'] });
    t.after(() => child.kill('SIGKILL'));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    if (signal !== undefined) {
      const [text] = (await new Promise<unknown[]>((resolve) => {
        child.stdout.once('data', (...args) => resolve(args));
      })) as [Buffer];
      assert.equal(text.toString(), 'up 1\n', 'the program’s parent is process 1');
      const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
      process.kill(Number(children.trim()), signal);
    }
    assert.equal(await ended, expected);
  });
}
