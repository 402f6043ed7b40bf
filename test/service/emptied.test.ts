import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cli } from '../tools/cli.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';
import { saveTasks } from '../tools/savetasks.js';

/*
 * Flower empties its database before it saves. A kill in between leaves a sound and empty one, and its next start saves a
 * state without tasks.
 */

const watch = (path: string) => cli(['watch', '--once', '--profile=flower', path]);

testWith(
  ['python', 'flock'],
  'watch brings the tasks of an emptied database back, and says how many',
  async (t) => {
    const path = join(await temporaryFolder(t), 'flower');
    await saveTasks(path, 60);
    const first = await watch(path);
    assert.match(first.stderr, /snapshot \S+, 60 tasks\n.*sound, with 60 tasks/, first.stderr);
    const bytes = await readFile(path);
    await saveTasks(path, -1);
    const second = await watch(path);
    assert.match(
      second.stderr,
      /the snapshot \S+ is back, with 60 tasks, taken \d\.\d hours ago; the file had 0 tasks/,
    );
    assert.deepEqual(await readFile(path), bytes);
  },
);

testWith(['python', 'flock'], 'an emptied database that its program holds is left alone', async (t) => {
  const path = join(await temporaryFolder(t), 'flower');
  await saveTasks(path, 60);
  await watch(path);
  await saveTasks(path, -1);
  const bytes = await readFile(path);
  const holder = spawn('flock', [path, 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  t.after(() => holder.stdin.end());
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  const { stderr } = await watch(path);
  assert.doesNotMatch(stderr, /is back/);
  assert.deepEqual(await readFile(path), bytes);
});

testWith(
  ['python', 'flock'],
  'a state with next to no tasks is kept apart with a warning, and pushes no snapshot out',
  async (t) => {
    const path = join(await temporaryFolder(t), 'flower');
    await saveTasks(path, 60);
    await watch(path);
    for (let tasks = 0; tasks < 2; tasks++) {
      await saveTasks(path, tasks);
      const { stderr } = await cli(['watch', '--once', '--profile=flower', '--keep=1', path]);
      assert.match(
        stderr,
        /warning: .*kept apart: it holds \d tasks?, .* the newest good snapshot has 60 tasks/,
      );
    }
    const { stdout } = await cli(['snapshots', path]);
    assert.match(stdout, /60 tasks\n/);
    await saveTasks(path, 90);
    assert.match((await watch(path)).stderr, /info: .*snapshot \S+, 90 tasks\n/);
  },
);
