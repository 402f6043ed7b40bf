import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KEEP } from '../../src/store/retention.js';
import { lookOnce } from '../../src/service/lookonce.js';
import { decide, NOTHING_SEEN } from '../../src/service/watcher.js';
import { BIN } from '../tools/cli.js';
import { SWEEP } from '../tools/effort.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { PYTHON, testWith } from '../tools/needs.js';
import { until } from '../tools/until.js';
import { check } from '../../src/examine.js';
import { openFileSource } from '../../src/source/file.js';

/** Saves like Flower, a number of times without a pause; prints the number of failed saves and their errors. */
const WRITER = `
import shelve, sys
failed = []
for n in range(int(sys.argv[2])):
    try:
        with shelve.open(sys.argv[1], flag='n') as state:
            state['events'] = {'tasks': [{'id': i, 'saved': n} for i in range((n % 50 + 1) * 20)]}
            state['counter'] = {'worker@host': n}
    except Exception as error:
        failed.append(repr(error))
print(len(failed), failed[:3])
`;
const SAVES = 1000;

testWith(
  'python',
  'a look every 10 ms never disturbs a writer that saves 1,000 times, nor the writer a look',
  async (t) => {
    const path = join(await temporaryFolder(t), 'flower');
    const snapshots = `${path}.snapshots`;
    const writer = spawn(PYTHON, ['-c', WRITER, path, String(SAVES)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.after(() => writer.kill('SIGKILL'));
    let answer = '';
    writer.stdout.setEncoding('utf8').on('data', (text: string) => (answer += text));
    const ended = new Promise((resolve) => writer.once('close', resolve));
    let running = true;
    void ended.then(() => (running = false));
    const seen: Record<string, number> = {};
    let memory = NOTHING_SEEN;
    while (running) {
      const look = await lookOnce({
        path,
        profile: 'flower',
        snapshot: true,
        snapshots,
        keep: { ...KEEP, last: 1000 },
      });
      seen[look.verdict] = (seen[look.verdict] ?? 0) + 1;
      const decided = decide(memory, look);
      memory = decided.memory;
      // A save empties the file first, and two looks may come within it. What follows for an emptied one waits for the lock.
      const isEmpty = look.what.includes('with 0 tasks');
      assert.ok(isEmpty || decided.step !== 'repair', `a false alarm: ${look.what}`);
      assert.equal(look.snapshotTrouble, null);
      await sleep(10);
    }
    await ended;
    t.diagnostic(`looks: ${JSON.stringify(seen)}`);
    assert.equal(answer.trim(), '0 []', 'a save failed');
    assert.ok(Object.values(seen).reduce((a, b) => a + b) >= 5, JSON.stringify(seen));
    const last = await lookOnce({
      path,
      profile: 'flower',
      snapshot: true,
      snapshots,
      keep: { ...KEEP, last: 1000 },
    });
    assert.equal(last.verdict, 'clean', last.what);
    for (const name of await readdir(snapshots)) {
      if (!name.endsWith('.db')) continue;
      const source = await openFileSource(join(snapshots, name));
      assert.equal((await check(source)).verdict, 'healthy', name);
      await source.close();
    }
  },
);

testWith('python', 'watch beside such a writer reports no damage and repairs nothing', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'flower');
  const options = ['--interval=0.01', '--profile=flower', '--log-format=json', `--log-file=${path}.log`];
  const watch = spawn(process.execPath, [BIN, 'watch', ...options, path], {
    stdio: 'ignore',
  });
  t.after(() => watch.kill('SIGKILL'));
  const writer = spawn(PYTHON, ['-c', WRITER, path, String(SWEEP ? 4000 : 500)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => writer.kill('SIGKILL'));
  let answer = '';
  writer.stdout.setEncoding('utf8').on('data', (text: string) => (answer += text));
  await new Promise((resolve) => writer.once('close', resolve));
  assert.equal(answer.trim(), '0 []', 'a save failed');
  // The next look after the last save sees a sound file.
  await until('it is seen sound', async () => (await events(`${path}.log`)).includes('clean'));
  watch.kill('SIGTERM');
  assert.equal(await new Promise((resolve) => watch.once('close', resolve)), 0);
  const happened = await events(`${path}.log`);
  for (const event of ['damaged', 'repaired', 'restored', 'repair-failed'])
    assert.ok(!happened.includes(event), event);
});

test('a signal ends watch --once, also between its two looks', async (t) => {
  const path = join(await temporaryFolder(t), 'state.db');
  const bytes = await readFile(fixture('killed-shelve.db'));
  await writeFile(path, bytes);
  const args = [BIN, 'watch', '--once', path];
  const watch = spawn(process.execPath, args, { stdio: 'ignore' });
  t.after(() => watch.kill('SIGKILL'));
  const ended = new Promise((resolve) => watch.once('close', (_, signal) => resolve(signal)));
  await sleep(1500);
  watch.kill('SIGTERM');
  assert.equal(await ended, 'SIGTERM');
  assert.deepEqual(await readFile(path), bytes);
});

/** The events of a JSON log. */
async function events(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line) => (JSON.parse(line) as { event: string }).event);
}
