import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { nextStep, repairCommand } from '../../src/report/advice.js';
import { checkOther } from '../../src/check/check.js';
import { memorySource } from '../../src/source/source.js';
import { cli } from '../tools/cli.js';
import { temporaryFolder } from '../tools/folder.js';

test('advice in JSON, in text and on a page has the name of the file in its commands', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'a file.db');
  await writeFile(path, Buffer.alloc(9000, 'no database at all: ').fill(0x1f, 0, 1).fill(0x8b, 1, 2));
  const named = `gunzip < '${path}' > OUT`;
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
    'gdbm-doctor repair --for arm64 -o OUT x.db',
  );
  const other = await checkOther(memorySource(new Uint8Array(5000).fill(7)));
  assert.deepEqual(nextStep('x.db', other, undefined, undefined), { kind: 'other', command: undefined });
});
