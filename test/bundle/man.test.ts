import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { run } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { testWith } from '../tools/needs.js';

const PAGE = fixture('../dist/gdbm-doctor.1');

test('the manual page has every command and its options', async () => {
  const page = await readFile(PAGE, 'utf8');
  for (const name of ['check', 'repair', 'guard', 'watch', 'salvage', 'report', 'dump', 'load', 'convert'])
    assert.match(page, new RegExp(`^\\.SS ${name}$`, 'm'));
  assert.match(page, /--max-loss/);
  assert.match(page, /--fallback/);
  assert.doesNotMatch(page, /^gdbm-doctor look/m);
});

testWith('mandb', 'man shows it without a warning', async () => {
  const { code, stdout, stderr } = await run('man', ['--warnings', '-l', PAGE], {
    MANWIDTH: '80',
    LC_ALL: 'C.UTF-8',
  });
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
  assert.match(stdout, /gdbm-doctor repair <files/);
});
