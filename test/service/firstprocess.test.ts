import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BIN } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';

/*
 * Process 1 of a container has no default actions for signals, and inherits orphans.
 */

/** Runs a command as process 1 of a new namespace, with its own /proc. */
const FIRST = ['--pid', '--fork', '--kill-child', '--mount-proc'];

for (const [what, script, signal, expected] of [
  ['a guard ends with its program’s exit code', 'process.exitCode = 7', undefined, 7],
  [
    'the exit code names a signal that ended the program',
    'process.kill(process.pid, "SIGKILL")',
    undefined,
    137,
  ],
  [
    'SIGTERM is passed on, and the program chooses its exit code',
    'process.on("SIGTERM", () => process.exit(9)); setInterval(() => {}, 1000); console.log("up", process.ppid)',
    'SIGTERM',
    9,
  ],
  [
    'SIGTERM ends a program without a handler',
    'setInterval(() => {}, 1000); console.log("up", process.ppid)',
    'SIGTERM',
    143,
  ],
] as const) {
  testWith(['mounts', 'root'], `as process 1: ${what}`, async (t) => {
    const path = join(await temporaryFolder(t), 'state.db');
    await copyFile(fixture('amd64.db'), path);
    const guard = [process.execPath, BIN, 'guard', path, '--', process.execPath, '-e', script];
    // unshare ignores SIGTERM, so the signal goes to the outside number of process 1.
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
