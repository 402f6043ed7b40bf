import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFile, readFile, symlink } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { BIN, cli, cliProcess, run } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { PYTHON, testWith } from '../tools/needs.js';
import { until } from '../tools/until.js';

async function damagedFile(t: TestContext): Promise<string> {
  const path = join(await temporaryFolder(t), 'state.db');
  await copyFile(fixture('killed-shelve.db'), path);
  return path;
}

/** Holds the lock in another process for so many seconds; resolves once it is held. */
async function hold(t: TestContext, path: string, seconds: number, mode = '-x'): Promise<void> {
  const child = spawn('flock', [mode, path, 'sh', '-c', `echo held; exec sleep ${seconds}`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.after(() => child.kill());
  await new Promise((resolve) => child.stdout.once('data', resolve));
}

for (const [what, mode] of [
  ['a writer', '-x'],
  ['a reader', '-s'],
]) {
  testWith('flock', `a file that ${what} holds is refused and stays unchanged`, async (t) => {
    const path = await damagedFile(t);
    await hold(t, path, 60, mode);
    const { code, stderr } = await cli(['repair', path]);
    assert.equal(code, 2);
    assert.match(stderr, /held by another process/);
    assert.match(stderr, /--wait/);
    assert.ok((await readFile(path)).equals(await readFile(fixture('killed-shelve.db'))));
  });
}

testWith('flock', '--wait gives up after its time', async (t) => {
  const path = await damagedFile(t);
  await hold(t, path, 60);
  const { code, stderr } = await cli(['repair', '--wait', '0.5', path]);
  assert.equal(code, 2);
  assert.match(stderr, /for 0.5 seconds/);
});

testWith('flock', 'two repairs at once: one repairs, the other finds it healthy', async (t) => {
  const path = await damagedFile(t);
  const both = await Promise.all([
    cliProcess(['repair', '--wait', '30', path]),
    cliProcess(['repair', '--wait', '30', path]),
  ]);
  assert.deepEqual(
    both.map(({ code }) => code),
    [0, 0],
    both.map(({ stderr }) => stderr).join(),
  );
  const said = both.map(({ stdout }) => (stdout.includes('REPAIRED') ? 'repaired' : 'nothing to do')).sort();
  assert.deepEqual(said, ['nothing to do', 'repaired']);
  assert.equal((await cli(['check', path])).code, 0);
});

testWith(['flock', 'python'], 'libgdbm is refused while a repair holds the file', async (t) => {
  const path = await damagedFile(t);
  const script = fixture('../test/tools/holdfile.ts');
  const holder = spawn(process.execPath, ['--import', 'tsx', script, path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => holder.kill());
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  const opening = ['-c', 'import dbm.gnu, sys; dbm.gnu.open(sys.argv[1], "r")', path];
  assert.match((await run(PYTHON, opening)).stderr, /Resource temporarily unavailable/);
  holder.stdin.end();
  await new Promise((resolve) => holder.once('exit', resolve));
  assert.equal((await run(PYTHON, opening)).code, 0);
});

testWith('flock', 'a repair without a flock program names the remedy, and --no-lock works', async (t) => {
  const path = await damagedFile(t);
  // A PATH with nothing but Node.
  const bare = await temporaryFolder(t);
  await symlink(process.execPath, join(bare, 'node'));
  const refused = await cli(['repair', path], { PATH: bare });
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /expected the program 'flock'/);
  assert.match(refused.stderr, /--no-lock/);
  assert.equal((await cli(['repair', '--no-lock', path], { PATH: bare })).code, 0);
  assert.ok(!dirname(bare).includes(delimiter));
});

testWith('flock', 'an interrupted repair leaves the file and the folder unchanged', async (t) => {
  const path = await damagedFile(t);
  await hold(t, path, 60);
  const child = spawn(process.execPath, [BIN, 'repair', '--wait', '60', path], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await until('it waits for the lock', async () => {
    return (await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')) !== '';
  });
  child.kill('SIGTERM');
  const code = await new Promise((resolve) => child.once('exit', resolve));
  assert.equal(code, 143);
  assert.ok((await readFile(path)).equals(await readFile(fixture('killed-shelve.db'))));
});
