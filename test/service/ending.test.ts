import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { chmod, copyFile, lstat, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { BIN, cli } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';

/*
 * A guard always ends after its program, with the same exit code. It writes metrics and health only to files, not to
 * anything else that somebody puts in their place.
 */

async function database(t: TestContext): Promise<string> {
  const path = join(await temporaryFolder(t), 'state.db');
  await copyFile(fixture('amd64.db'), path);
  return path;
}

/** A program in Node with the paths as its arguments `a`, and with `fs` and `run`. */
function program(script: string, ...paths: string[]): string[] {
  const begin =
    'const fs = require("fs"); const run = require("child_process").spawnSync; const a = process.argv.slice(1);';
  return ['--', process.execPath, '-e', begin + script, ...paths];
}

testWith(['flock', 'mkfifo'], 'a guard ends although its last look hangs', async (t) => {
  const path = await database(t);
  const bin = await temporaryFolder(t);
  // After the program's signal the lock of the snapshots' folder hangs, as on a volume whose server is gone.
  const real = spawnSync('sh', ['-c', 'command -v flock || command -v busybox']).stdout.toString().trim();
  const flock = real.endsWith('busybox') ? `${real} flock` : real;
  await writeFile(join(bin, 'flock'), `#!/bin/sh\n[ -e ${bin}/hang ] && exec sleep 60\nexec ${flock} "$@"\n`);
  await chmod(join(bin, 'flock'), 0o755);
  const { code } = await cli(
    [
      'guard',
      path,
      ...program(
        'fs.writeFileSync(a[0], ""); fs.utimesSync(a[1], 1, 1); process.exitCode = 7',
        `${bin}/hang`,
        path,
      ),
    ],
    { PATH: `${bin}:${process.env['PATH']}` },
  );
  assert.equal(code, 7);
});

testWith('mkfifo', 'a guard ends although nobody reads its stderr', async (t) => {
  const path = await database(t);
  const pipe = `${path}.pipe`;
  assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
  const fd = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
  t.after(() => closeSync(fd));
  assert.throws(() => {
    for (;;) writeSync(fd, Buffer.alloc(4096));
  }, /EAGAIN/);
  const guarded = ['guard', path, ...program('process.exitCode = 7')];
  const child = spawn(process.execPath, [BIN, ...guarded], { stdio: ['ignore', 'ignore', fd] });
  t.after(() => child.kill('SIGKILL'));
  assert.equal(await new Promise((resolve) => child.once('exit', resolve)), 7);
});

testWith(
  'mkfifo',
  'a pipe in the place of metrics or health is neither replaced nor waited for',
  async (t) => {
    const path = await database(t);
    const files = [`${path}.metrics`, `${path}.health`];
    const { code, stderr } = await cli([
      'guard',
      path,
      `--metrics-file=${files[0]}`,
      `--health-file=${files[1]}`,
      // Only once both were written, so that no write is under way; the last one follows when the program has ended. The
      // names of temporary files in former versions, too.
      ...program(
        'for (const one of a) while (!fs.existsSync(one)) run("sleep", ["0.02"]); for (const one of a) for (const name of [one, `${one}.${process.ppid}.tmp`]) { fs.rmSync(name, { force: true }); run("mkfifo", [name]); } process.exitCode = 7',
        ...files,
      ),
    ]);
    assert.equal(code, 7);
    for (const file of files) {
      assert.ok((await lstat(file)).isFIFO(), file);
      assert.match(stderr, new RegExp(`${file}: cannot be written to: .* pipe`));
    }
  },
);

testWith('flock', 'metrics and health follow no link and are readable for others', async (t) => {
  const path = await database(t);
  const victim = `${path}.victim`;
  await writeFile(victim, 'precious');
  const files = [`${path}.metrics`, `${path}.health`];
  const script = `
    for (const one of a.slice(1)) for (const name of [one, \`\${one}.\${process.ppid}.tmp\`]) {
      fs.rmSync(name, { force: true });
      fs.symlinkSync(a[0], name);
    }`;
  const options = [`--metrics-file=${files[0]}`, `--health-file=${files[1]}`];
  assert.equal((await cli(['guard', path, ...options, ...program(script, victim, ...files)])).code, 0);
  assert.equal(await readFile(victim, 'utf8'), 'precious');
  for (const file of files) {
    const stats = await lstat(file);
    assert.ok(stats.isFile(), file);
    assert.equal(stats.mode & 0o777, 0o644 & ~process.umask());
  }
  const left = (await readdir(dirname(path))).filter((name) => name.startsWith('.gdbm-doctor-'));
  assert.deepEqual(left, []);
});
