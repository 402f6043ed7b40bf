import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { BIN } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { PYTHON, testWith } from '../tools/needs.js';

testWith(
  ['python', 'flock'],
  "the example of docs/programs.md repairs a database and opens it as Python's shelve",
  async (t) => {
    const folder = await temporaryFolder(t);
    const text = await readFile(fixture('../docs/programs.md'), 'utf8');
    const [, script] = /```python\n([^]*?)```/.exec(text)!;
    await mkdir(join(folder, 'bin'));
    await symlink(BIN, join(folder, 'bin', 'gdbm-doctor'));
    const env = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env['PATH']}` };
    const run = () => {
      const { stdout, stderr, status } = spawnSync(PYTHON, ['-c', script], { cwd: folder, env });
      return { stdout: stdout.toString(), stderr: stderr.toString(), status };
    };
    await copyFile(fixture('killed-shelve.db'), join(folder, 'jobs.db'));
    assert.deepEqual(run(), { stdout: 'repaired\n396 jobs\n', stderr: '', status: 0 });
    assert.deepEqual(run(), { stdout: 'none\n396 jobs\n', stderr: '', status: 0 });
    await writeFile(join(folder, 'jobs.db'), 'no database');
    const refused = run();
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /RuntimeError: .*not a GDBM database|RuntimeError: .*text file/);
  },
);
