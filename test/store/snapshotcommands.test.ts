import assert from 'node:assert/strict';
import { appendFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { ageInWords } from '../../src/report/sentences.js';
import { cli } from '../tools/cli.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';
import { change, soundFile, take } from './snap.js';

interface Listed {
  readonly version: number;
  readonly files: {
    readonly path: string;
    readonly folder: string;
    readonly snapshots: Record<string, unknown>[];
    readonly error?: { code: string };
  }[];
}

test('snapshots lists the age, the records and the remarks of each', async (t) => {
  const { path, store } = await soundFile(t);
  const none = await cli(['snapshots', path]);
  assert.deepEqual([none.code, none.stdout], [0, `${path}: 0 snapshots in ${store}\n`]);
  const first = (await take(path)).taken!;
  await change(path, 1);
  const poor = (await take(path, { records: 0 })).taken!;
  const { code, stdout, stderr } = await cli(['snapshots', path]);
  assert.deepEqual([code, stderr], [0, '']);
  const lines = stdout.split('\n');
  assert.equal(lines[0], `${path}: 2 snapshots in ${store}`);
  assert.match(lines[1], /^ {2}id +time \(UTC\) +age +records +bytes +note$/);
  assert.match(lines[2], new RegExp(`^ {2}${poor.id} .* 0 +[\\d,]+ {2}kept apart: worse than`));
  assert.match(
    lines[3],
    new RegExp(`^ {2}${first.id} +\\d{4}-\\d\\d-\\d\\d [\\d:]+ .*(ago|just now) +102 +[\\d,]+$`),
  );
});

test('snapshots --json is for programs; --verify ends with 1 if one is damaged', async (t) => {
  const { path, store } = await soundFile(t);
  const taken = (await take(path)).taken!;
  const list = async (...args: string[]) => {
    const { code, stdout } = await cli(['snapshots', '--json', ...args, path]);
    return { code, file: (JSON.parse(stdout) as Listed).files[0] };
  };
  const { code, file } = await list('--verify');
  assert.equal(code, 0);
  const { ageSeconds, ...rest } = file.snapshots[0];
  assert.ok(typeof ageSeconds === 'number' && Math.abs(ageSeconds) < 60);
  const { id, hash, records, bytes, poor } = taken;
  assert.deepEqual(file.folder, store);
  const time = taken.time.toISOString();
  assert.deepEqual(rest, { id, time, hash, records, bytes, poor, path: taken.path, intact: true });
  await change(taken.path, 9);
  const damaged = await list('--verify');
  assert.deepEqual([damaged.code, damaged.file.snapshots[0]['intact']], [1, false]);
  const unread = await list();
  assert.deepEqual([unread.code, unread.file.snapshots[0]['intact']], [0, undefined]);
  assert.match((await cli(['snapshots', '--verify', path])).stdout, /DAMAGED/);
});

test('snapshots reports why a folder cannot be read', async (t) => {
  const { path, folder } = await soundFile(t);
  const { code, stdout, stderr } = await cli(['snapshots', '--json', '--snapshots', path, path]);
  assert.equal(code, 2);
  assert.equal((JSON.parse(stdout) as Listed).files[0].error?.code, 'not-a-file');
  assert.match(stderr, /expected a folder of snapshots, found something else/);
  const lost = await cli(['snapshots', join(folder, 'none', 'x.db')]);
  assert.equal(lost.code, 2);
  assert.match(lost.stderr, /expected a file, found none/);
});

testWith('flock', 'restore restores the newest good snapshot and names every file', async (t) => {
  const { path } = await soundFile(t);
  const { taken } = await take(path);
  const good = await readFile(path);
  await appendFile(path, 'damage');
  const { code, stdout, stderr } = await cli(['restore', path]);
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /: RESTORED\n/);
  for (const part of [taken!.id, taken!.path, `${path}.~1~`, 'records      102']) {
    assert.ok(stdout.includes(part), part);
  }
  assert.ok((await readFile(path)).equals(good));
  const again = await cli(['restore', path]);
  assert.equal(again.code, 0);
  assert.match(again.stdout, /nothing written\n {2}It is byte for byte/);
});

testWith('flock', 'restore --json accepts a named folder and snapshot', async (t) => {
  const { folder, path } = await soundFile(t);
  const dir = join(folder, 'kept');
  const { taken } = await take(path, { dir });
  await change(path, 1);
  await take(path, { dir });
  const run = async (...args: string[]) => {
    const { code, stdout } = await cli(['restore', '--json', '--snapshots', dir, ...args, path]);
    return { code, file: (JSON.parse(stdout) as { files: Record<string, unknown>[] }).files[0] };
  };
  const dry = await run('--at', taken!.hash, '--dry-run');
  assert.deepEqual([dry.code, dry.file['action'], dry.file['output']], [0, 'none', null]);
  const { code, file } = await run('--at', taken!.hash);
  assert.deepEqual(
    [code, file['action'], file['output'], file['backup'], (file['snapshot'] as { id: string }).id],
    [0, 'restored', path, `${path}.~1~`, taken!.id],
  );
  const refused = await run('--at', '1999');
  assert.deepEqual(
    [refused.code, refused.file['action'], (refused.file['error'] as { code: string }).code],
    [2, 'refused', 'no-snapshot'],
  );
  await rm(path);
  const made = await run();
  assert.deepEqual([made.code, made.file['backup']], [0, null]);
});

test('a damaged snapshot is not restored', async (t) => {
  const { path } = await soundFile(t);
  const { taken } = await take(path);
  await change(taken!.path, 5);
  const before = await readFile(path);
  const { code, stderr } = await cli(['restore', '--no-lock', path]);
  assert.equal(code, 2);
  assert.match(stderr, /expected bytes with the hash .* the snapshot is damaged\. Nothing was changed/);
  assert.ok((await readFile(path)).equals(before));
});

test('a path cannot control the terminal', async (t) => {
  const folder = join(await temporaryFolder(t), 'a\nb\x1b[31m');
  await mkdir(folder);
  for (const args of [['snapshots'], ['restore']]) {
    const { stdout, stderr } = await cli([...args, join(folder, 'x.db')]);
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(stdout + stderr, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
  }
});

test('an age is given in its largest unit', () => {
  const second = 1000;
  const day = 86_400 * second;
  const ages: [number, string][] = [
    [0, 'just now'],
    [-900, 'just now'],
    [second, '1 second ago'],
    [59.4 * second, '59 seconds ago'],
    [60 * second, '1 minute ago'],
    [3599 * second, '59 minutes ago'],
    [7200 * second, '2 hours ago'],
    [day, '1 day ago'],
    [4000 * day, '4,000 days ago'],
    [-3 * day, 'in 3 days: clock?'],
  ];
  for (const [age, words] of ages) assert.equal(ageInWords(age), words);
});
