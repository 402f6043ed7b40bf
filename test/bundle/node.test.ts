import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { BIN, INSTALLED } from '../tools/cli.js';
import { sample } from '../tools/effort.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';

const ENTRIES = [INSTALLED, BIN];
const COMMAND_LINES = [['--version'], ['check', fixture('amd64.db')], ['guard', '--', 'true']];
const ONE_LINE = /^gdbm-doctor: needs Node 20\.19, 22\.12 or later, found Node [\d.]+; [^\n]+\n$/;

testWith('oldnode', 'a Node that is too old ends with one line that says which is needed', () => {
  const node = process.env['GDBM_DOCTOR_OLD_NODE'] as string;
  for (const entry of ENTRIES) {
    for (const args of COMMAND_LINES) {
      const { status, stdout, stderr } = spawnSync(node, [entry, ...args], { encoding: 'utf8' });
      assert.deepEqual({ status, stdout }, { status: 2, stdout: '' }, entry);
      assert.match(stderr, ONE_LINE);
    }
  }
});

test('the versions of Node that package.json names are the ones that start', async (t) => {
  const preload = join(await temporaryFolder(t), 'version.cjs');
  const versions = {
    '18.20.8': false,
    '20.18.3': false,
    '20.19.0': true,
    '21.7.3': false,
    '22.11.0': false,
    '22.12.0': true,
    '23.0.0': true,
    '24.1.0': true,
    '100.0.0': true,
  };
  for (const [turn, [version, starts]] of Object.entries(versions).entries()) {
    await writeFile(
      preload,
      `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });`,
    );
    for (const entry of sample(ENTRIES, 1, turn)) {
      const ran = spawnSync(process.execPath, ['--require', preload, entry, '--version'], {
        encoding: 'utf8',
      });
      assert.equal(ran.status, starts ? 0 : 2, `${version}: ${ran.stderr}`);
      if (!starts) assert.match(ran.stderr, ONE_LINE);
    }
  }
});
