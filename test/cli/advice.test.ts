import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { nextStep, repairCommand } from '../../src/report/advice.js';
import { checkOther } from '../../src/check/check.js';
import { memorySource } from '../../src/source/source.js';
import { refusal } from '../../src/store/errors.js';
import { cli } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';

test('advice in JSON, in text and on a page has the name of the file in its commands', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'a file.db');
  await writeFile(path, Buffer.alloc(9000, 'no database at all: ').fill(0x1f, 0, 1).fill(0x8b, 1, 2));
  const named = `gzip -dc < '${path}' > '${path}'.decoded`;
  for (const args of [
    ['check', path],
    ['check', '--json', path],
    ['repair', '--json', '--no-lock', path],
  ]) {
    const { stdout } = await cli(args);
    assert.ok(stdout.includes(named), `${args[0]} ${stdout}`);
    assert.doesNotMatch(stdout, /\bFILE\b/);
  }
  const page = (await cli(['report', path, '--html', '-'])).stdout;
  assert.doesNotMatch(page.slice(page.indexOf('id="advice"'), page.indexOf('id="facts"')), /\bFILE\b/);
});

test('a command to repair writes an image and a read-only file elsewhere', async () => {
  assert.equal(repairCommand('-x.db', { dryRun: true }), 'gdbm-doctor repair --dry-run ./-x.db');
  assert.equal(
    repairCommand('x.db', { machine: 'arm64', elsewhere: true }),
    'gdbm-doctor repair --for arm64 -o x.db.repaired x.db',
  );
  const other = await checkOther(memorySource(new Uint8Array(5000).fill(7)));
  assert.deepEqual(nextStep('x.db', other, undefined, undefined), { kind: 'other', command: undefined });
});

test('a command that fails writes a JSON document where one is wanted', async (t) => {
  const path = join(await temporaryFolder(t), 'none.db');
  for (const args of [['list'], ['inspect'], ['salvage'], ['diff', fixture('amd64.db')]]) {
    const { code, stdout, stderr } = await cli([...args, path, '--json']);
    assert.equal(code, 2);
    const { version, files } = JSON.parse(stdout) as {
      version: number;
      files: { error: { code: string } }[];
    };
    assert.equal(version, 1);
    assert.equal(files[0].error.code, 'no-such-file');
    assert.match(stderr, /none\.db: expected a file, found none/);
  }
});

testWith('flock', 'a key that is typed as list shows its bytes gets the hint to type it in hex', async () => {
  for (const command of ['get', 'delete']) {
    const { stderr } = await cli([command, fixture('amd64.db'), '\\xff\\xfe']);
    assert.match(stderr, /no key .*--key-encoding hex/);
    assert.doesNotMatch((await cli([command, fixture('amd64.db'), 'none'])).stderr, /hex/);
  }
});

test('on a full volume only a command with -o names that option', () => {
  const full = Object.assign(new Error('full'), { code: 'ENOSPC' });
  assert.match(refusal(full, 'x.db', 'repair it').message, /another volume: -o OUT\.$/);
  assert.match(refusal(full, 'x.dump', 'write it').message, /another volume\.$/);
});
