import assert from 'node:assert/strict';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { lookOnce } from '../../src/service/lookonce.js';
import { thisMachine } from '../../src/service/machine.js';
import { cli, joined } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { LibGdbm } from '../tools/libgdbm.js';
import { testWith } from '../tools/needs.js';

const CASE = fixture('../test/cases/arm64-two-non-ascii-keys.db');

test('a database of a machine with the other signedness of char is sound, but an error for this machine', async () => {
  const amd64 = await cli(['check', '--for', 'amd64', CASE]);
  assert.equal(amd64.code, 1);
  assert.match(joined(amd64.stdout), /: sound, for arm64 and the like; libgdbm .*cannot use it /);
  assert.match(joined(amd64.stdout), /a walk stops after 63 of 302 keys/);
  assert.match(joined(amd64.stdout), /To do: gdbm-doctor repair --for amd64 /);
  for (const machine of ['any', 'arm64', 's390x']) {
    const { code, stdout } = await cli(['check', '--for', machine, CASE]);
    assert.equal(code, machine === 's390x' ? 1 : 0, stdout);
    if (machine !== 's390x') assert.match(stdout, /: healthy\n/);
  }
  const { verdict } = (
    JSON.parse((await cli(['check', '--json', '--for', 'amd64', CASE])).stdout) as {
      files: { verdict: string }[];
    }
  ).files[0];
  assert.equal(verdict, 'foreign');
});

test('doctor and repair agree with check about another machine, and name the command to run', async () => {
  for (const name of ['arm64', 'armhf', 'i386', 's390x'] as const) {
    const other = name === 's390x' || name === 'i386' ? 'arm64' : 'amd64';
    const doctor = await cli(['doctor', '--for', other, fixture(`${name}.db`)]);
    assert.equal(doctor.code, 1);
    assert.match(doctor.stdout, /database +sound, for .*cannot use it/);
    assert.ok(doctor.stdout.includes(`repair --for ${other} `), doctor.stdout);
    const repair = await cli(['repair', '--no-lock', '--dry-run', '--for', other, fixture(`${name}.db`)]);
    assert.equal(repair.code, 1, repair.stdout);
    assert.match(joined(repair.stdout), /sound, for .*cannot use it/);
  }
});

testWith(
  ['flock', 'libgdbm'],
  'repair --for writes a sound database as the other machine has it',
  async (t) => {
    const path = join(await temporaryFolder(t), 'keys.db');
    await copyFile(CASE, path);
    const repaired = await cli(['repair', '--for', 'amd64', path]);
    assert.equal(repaired.code, 0, repaired.stderr);
    assert.deepEqual(await readFile(`${path}.~1~`), await readFile(CASE));
    assert.equal((await cli(['check', '--for', 'amd64', path])).code, 0);
    const lib = new LibGdbm();
    t.after(() => lib.close());
    assert.equal((await lib.walk(path)).length, 302);
    const difference = await cli(['diff', CASE, path]);
    assert.equal(difference.code, 0, difference.stdout);
  },
);

test('a look does not call a database clean that libgdbm here cannot use', async () => {
  // At most one of these is of this machine's kind.
  const looks = [];
  for (const name of ['amd64.db', 'i386.db', 's390x.db']) {
    const path = fixture(name);
    const options = { path, profile: 'none', snapshot: false, snapshots: undefined } as const;
    looks.push(await lookOnce(options));
  }
  const others = looks.filter(({ verdict }) => verdict === 'other-machine');
  assert.ok(others.length >= 2);
  for (const { what } of others) {
    assert.ok(what.includes(`gdbm-doctor repair --for ${thisMachine()} `), what);
  }
});
