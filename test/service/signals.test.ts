import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFile, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { BIN, run } from '../tools/cli.js';
import { sample, SWEEP } from '../tools/effort.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { PYTHON, testWith } from '../tools/needs.js';
import { until } from '../tools/until.js';

/*
 * A signal reaches the program exactly once, at any time and from any sender.
 */

async function database(t: TestContext): Promise<string> {
  const path = join(await temporaryFolder(t), 'state.db');
  await copyFile(fixture('amd64.db'), path);
  return path;
}

test('SIGTERM at any moment of the start ends both, and the exit code names the signal', async (t) => {
  const path = await database(t);
  for (let n = 0; n < (SWEEP ? 8 : 3); n++) {
    const mark = `${path}.${n}`;
    const script =
      'require("fs").writeFileSync(process.argv[1], `${process.pid}`); setInterval(() => {}, 1000)';
    const guard = ['guard', '--profile=none', path, '--', process.execPath, '-e', script, mark];
    const child = spawn(process.execPath, [BIN, ...guard], { stdio: ['ignore', 'ignore', 'pipe'] });
    t.after(() => child.kill('SIGKILL'));
    const ended = new Promise((resolve) => child.once('close', (...args) => resolve(args)));
    let said = '';
    await new Promise<void>((resolve) => {
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (said.includes('sound')) resolve();
      });
    });
    await sleep(n);
    child.kill('SIGTERM');
    // An exit code, not an end by the signal: shells and Docker distinguish the two.
    assert.deepEqual(await ended, [143, null], said);
    const pid = await readFile(mark, 'utf8').catch(() => undefined);
    if (pid !== undefined) assert.throws(() => process.kill(Number(pid), 0), `${pid} goes on`);
  }
});

test('the program may signal the guard as its first action', async (t) => {
  const path = await database(t);
  // Builtins of the shell only: there may be no other program.
  const script = 'kill -TERM $PPID; i=0; while [ $i -lt 5000000 ]; do i=$((i+1)); done; echo survived > "$0"';
  const child = spawn(process.execPath, [BIN, 'guard', path, '--', 'sh', '-c', script, `${path}.mark`], {
    stdio: 'ignore',
  });
  t.after(() => child.kill('SIGKILL'));
  const ended = await new Promise((resolve) => child.once('close', (...args) => resolve(args)));
  assert.deepEqual(ended, [143, null]);
  await assert.rejects(stat(`${path}.mark`));
});

/**
 * Starts a guard in a new terminal. Then sends a signal to the guard alone, or types a key. Prints how often the program got
 * the signal.
 */
const IN_TERMINAL = `
import os, pty, signal, sys, time
how, path = sys.argv[1], sys.argv[2]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[3], sys.argv[3:])
def read(end):
    text = b''
    while end not in text:
        try: piece = os.read(fd, 4096)
        except OSError: break
        if not piece: break
        text += piece
    return text
read(b'up')
time.sleep(1)
if how.startswith('SIG'): os.kill(pid, getattr(signal, how))
else: os.write(fd, bytes([int(how)]))
print(read(b'done').count(b'GOT'))
`;

const SIGNALS = [
  ['SIGINT', 'sent to the guard alone', 'SIGINT', 1],
  ['SIGQUIT', 'sent to the guard alone', 'SIGQUIT', 1],
  ['3', 'of Ctrl-C', 'SIGINT', 1],
  ['28', 'of Ctrl-\\', 'SIGQUIT', 1],
  ['SIGWINCH', 'sent to the guard alone', 'SIGWINCH', 1],
] as const;
for (const [how, what, signal, expected] of sample(SIGNALS, 3)) {
  testWith('python', `in a terminal ${signal} ${what} reaches the program once`, async (t) => {
    const path = await database(t);
    const script = `process.on("${signal}", () => { console.log("GOT"); setTimeout(() => { console.log("done"); process.exit() }, 1500) }); setInterval(() => {}, 1000); console.log("up")`;
    const guard = [process.execPath, BIN, 'guard', path, '--', process.execPath, '-e', script];
    const { stdout } = await run(PYTHON, ['-c', IN_TERMINAL, how, path, ...guard]);
    assert.equal(stdout.trim(), String(expected));
  });
}

testWith(
  'python',
  'a terminal’s signal is recognised even if the end of the witness is reported first',
  async (t) => {
    const path = await database(t);
    const script =
      'process.on("SIGINT", () => console.log("GOT")); process.on("SIGTERM", () => { console.log("done"); process.exit() }); setInterval(() => {}, 1000); console.log("up")';
    const guard = [process.execPath, BIN, 'guard', path, '--', process.execPath, '-e', script];
    // The effect of a key in the order in which the guard may notice it; then a signal to the guard alone.
    const python = IN_TERMINAL.replace(
      /time\.sleep\(1\)[\s\S]*/,
      `time.sleep(1)
def witness():
    for name in filter(str.isdigit, os.listdir('/proc')):
        try: stat = open(f'/proc/{name}/stat').read()
        except OSError: continue
        if '(cat)' in stat and f' {pid} ' in stat.split(')')[1][:12]: return int(name)
os.kill(witness(), signal.SIGINT)
time.sleep(0.2)
os.kill(pid, signal.SIGINT)
time.sleep(0.5)
for _ in range(int(how)):
    os.kill(pid, signal.SIGINT)
    time.sleep(0.5)
os.kill(pid, signal.SIGTERM)
print(read(b'done').count(b'GOT'))
`,
    );
    for (const more of ['0', '1']) {
      const { stdout } = await run(PYTHON, ['-c', python, more, path, ...guard]);
      assert.equal(stdout.trim(), more);
    }
  },
);

testWith('python', 'the witness of a terminal’s signals ends with the guard', async (t) => {
  const path = await database(t);
  const script = 'console.log("up"); process.kill(process.ppid, "SIGKILL"); console.log("done")';
  const guard = [process.execPath, BIN, 'guard', path, '--', process.execPath, '-e', script];
  const python = IN_TERMINAL.replace(/read\(b'up'\)[\s\S]*/, 'print(pid); os.waitpid(pid, 0)\n');
  const { stdout } = await run(PYTHON, ['-c', python, '0', path, ...guard]);
  const group = Number(stdout.trim());
  await until('nothing of its group is left', () => {
    try {
      process.kill(-group, 0);
      return false;
    } catch {
      return true;
    }
  });
});
