import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { cli } from '../tools/cli.js';
import { temporaryFolder } from '../tools/folder.js';

test('a line break in a file name cannot fake a message', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'a\ngdbm-doctor: b.db: REPAIRED');
  await writeFile(path, Buffer.alloc(5000, 0xff));
  for (const args of [
    ['list', path],
    ['list', join(folder, 'none', path)],
    ['dump', path],
    ['repair', path],
    ['get', path, 'key'],
    ['diff', path, path],
    ['load', path, join(folder, 'out\ngdbm-doctor: c.db: REPAIRED')],
  ]) {
    const { stderr, stdout } = await cli(args);
    assert.doesNotMatch(`${stdout}\n${stderr}`, /^gdbm-doctor: [bc]\.db/m, args.join(' '));
    assert.match(stdout + stderr, /a\\x0agdbm-doctor/, args.join(' '));
  }
});
