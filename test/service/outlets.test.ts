import fc from 'fast-check';
import assert from 'node:assert/strict';
import { copyFile, link, mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { logLine, healthText, isHealthy, metricsText, newStatus } from '../../src/service/outlets.js';
import { cli } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';

const TIME = new Date('2026-11-24T05:00:00.123Z');

test('a text line is one line without control characters for any message', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (message) => {
      const line = logLine({ level: 'info', event: 'x', message }, 'text', TIME);
      assert.match(line, /^2026-11-24T05:00:00\.123Z gdbm-doctor info: /);
      assert.doesNotMatch(line, /[\p{Cc}\u2028\u2029]/u);
    }),
    { seed: 20261124 },
  );
});

test('a JSON line parses to its event', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.integer(), (message, records) => {
      const line = logLine({ level: 'error', event: 'x', message, details: { records } }, 'json', TIME);
      assert.doesNotMatch(line, /[\p{Cc}\u2028\u2029]/u);
      const { time, ...rest } = JSON.parse(line) as Record<string, unknown>;
      assert.equal(time, TIME.toISOString());
      assert.deepEqual(rest, { level: 'error', event: 'x', message, records });
    }),
    { seed: 20261124 },
  );
});

test('a JSON line escapes control characters', () => {
  const line = logLine({ level: 'info', event: 'x', message: 'a\x7f\x9b31m\u2028' }, 'json', TIME);
  assert.ok(line.includes('"a\\u007f\\u009b31m\\u2028"'), line);
});

test('metrics are in the text format for any file name', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (path) => {
      for (const line of metricsText([newStatus(path)])
        .trimEnd()
        .split('\n')) {
        if (line.startsWith('#')) assert.match(line, /^# (HELP|TYPE) gdbm_doctor_[a-z_]+ /);
        else assert.match(line, /^gdbm_doctor_[a-z_]+\{db="(?:[^"\\\n]|\\["\\n])*"\} -?[\d.]+$/);
      }
    }),
    { seed: 20261124 },
  );
});

test('a database without a look is not healthy', () => {
  const status = newStatus('x');
  assert.equal(isHealthy(status), false);
  assert.equal(healthText([status]), 'unhealthy: not looked at yet\n');
  assert.match(metricsText([status]), /^gdbm_doctor_healthy\{db="x"\} 0$/m);
});

/*
 * Log, metrics and health go to separate files, and never to the database.
 */

const PROGRAM = ['--', process.execPath, '-e', 'console.log("ran")'];

test('a log, metrics or health file that is the database is refused', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'state.db');
  await copyFile(fixture('amd64.db'), path);
  await mkdir(join(folder, 'sub'));
  await symlink(path, join(folder, 'link'));
  await link(path, join(folder, 'name'));
  const before = await readFile(path);
  const names = (await readdir(folder)).sort();
  const others = [path, join(folder, 'sub', '..', 'state.db'), join(folder, 'link'), join(folder, 'name')];
  for (const option of ['--log-file', '--metrics-file', '--health-file']) {
    for (const other of others) {
      const { code, stdout, stderr } = await cli(['guard', `${option}=${other}`, path, ...PROGRAM]);
      assert.deepEqual([code, stdout], [125, ''], other);
      assert.match(stderr, new RegExp(`expected ${option} to name a file of its own, found .* the database`));
    }
  }
  assert.equal((await cli(['watch', '--once', `--health-file=${path}`, path])).code, 2);
  const flower = [process.execPath, 'celery', 'flower', '--persistent=1', `--db=${path}`];
  assert.equal((await cli(['guard', `--log-file=${path}`, '--', ...flower])).code, 125);
  assert.deepEqual(await readFile(path), before);
  assert.deepEqual((await readdir(folder)).sort(), names);
});

test('one file for two of them is refused, even if it does not exist yet', async (t) => {
  const path = join(await temporaryFolder(t), 'state.db');
  const file = `${path}.out`;
  const { code, stderr } = await cli([
    'guard',
    `--log-file=${file}`,
    `--metrics-file=${file}`,
    path,
    ...PROGRAM,
  ]);
  assert.equal(code, 125);
  assert.match(stderr, /expected --metrics-file to name a file of its own, found .* is --log-file/);
  assert.deepEqual(await readdir(dirname(path)), []);
});

test('metrics and health never replace a device', async (t) => {
  const path = join(await temporaryFolder(t), 'state.db');
  for (const option of ['--metrics-file', '--health-file']) {
    // A file of nobody: nothing would be lost if it were replaced.
    const { code, stderr } = await cli(['watch', '--once', `${option}=/proc/self/fd/1`, path]);
    assert.equal(code, 2);
    assert.match(stderr, /is no regular file/);
  }
  assert.equal((await cli(['guard', '--log-file=/dev/null', path, ...PROGRAM])).code, 0);
});

test('a log line names the path once', async (t) => {
  const path = join(await temporaryFolder(t), 'loop');
  await symlink(path, path);
  const { stderr } = await cli(['watch', '--once', path]);
  assert.match(stderr, /: the symbolic links lead in a circle/);
  assert.equal(stderr.split(path).length, 2, stderr);
});
